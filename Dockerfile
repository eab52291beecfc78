# docker build -t rfgraph . && docker run --rm -v "$PWD:/models:ro" rfgraph model.onnx
FROM python:3.13-slim
COPY pyproject.toml README.md LICENSE /src/
COPY rfgraph /src/rfgraph
RUN pip install --no-cache-dir '/src[plot]' && rm -r /src && useradd --create-home user
USER user
WORKDIR /models
ENTRYPOINT ["rfgraph"]
