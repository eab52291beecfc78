"""Which module has the rule of which operator, by module and domain.

Written by `python -m rfgraph.ops` from the decorators of the rules.
"""

OPERATORS = {
    "contrib.attention": {
        "com.microsoft": """
            DecoderMaskedMultiHeadAttention MultiHeadAttention
        """,
    },
    "contrib.cached_attention": {
        "com.microsoft": """
            DynamicSparseAttention GroupQueryAttention SparseAttention
        """,
    },
    "contrib.causal_convolutions": {
        "com.microsoft": """
            CausalConvWithState VarlenCausalConvWithState
        """,
    },
    "contrib.elementwise": {
        "com.microsoft": """
            BiasAdd BiasDropout BiasGelu BiasSplitGelu BitmaskBiasDropout BitmaskDropout ComplexMul
            ComplexMulConj DequantizeBFP DequantizeWithOrder FastGelu GatedAdd Gelu IsAllFinite
            LinearAttentionGate MurmurHash3 QOrderedGelu QuantizeBFP QuantizeWithOrder QuickGelu
            SampleOp ScaledSiLU SwiGLU
        """,
    },
    "contrib.experts": {
        "com.microsoft": """
            MoE MoEGroupRouter MoEPacked QMoE RouterGateUpProj
        """,
    },
    "contrib.generation": {
        "com.microsoft": """
            BeamSearch BifurcationDetector DynamicTimeWarping EPContext GreedySearch
            NGramRepeatBlock Sampling Snpe Tokenizer WhisperBeamSearch WordConvEmbedding
        """,
    },
    "contrib.layouts": {
        "com.microsoft.nchwc": """
            AveragePool Conv GlobalAveragePool GlobalMaxPool MaxPool ReorderInput ReorderOutput
            Upsample
        """,
        "com.ms.internal.nhwc": """
            AveragePool BatchNormalization Conv ConvTranspose DepthToSpace GlobalAveragePool
            GlobalLpPool GlobalMaxPool GridSample InstanceNormalization LRN LpPool MaxPool MaxUnpool
            QLinearAveragePool QLinearConv QLinearConvTranspose Resize SpaceToDepth
        """,
    },
    "contrib.mamba": {
        "com.microsoft": """
            Mamba2Verify
        """,
    },
    "contrib.moves": {
        "com.microsoft": """
            CropAndResize ExpandDims GatherBlockQuantized GatherND GatherPacked GridSample Irfft Pad
            Range RemovePadding RestorePadding Rfft TorchEmbedding Trilu UnfoldTensor Unique
        """,
    },
    "contrib.ngrams": {
        "com.microsoft": """
            NGramHashMapping VarlenNGramHashMapping
        """,
    },
    "contrib.norms": {
        "com.microsoft": """
            BiasSoftmax BranchwiseRMSNorm GatedRMSNorm GroupNorm QOrderedLayerNormalization
            SkipGroupNorm SkipLayerNormalization SkipSimplifiedLayerNormalization
        """,
    },
    "contrib.paged_attention": {
        "com.microsoft": """
            PackedMultiHeadAttention PackedSparseAttentionIndexer PackedSparseAttentionIndexerMerge
            PagedAttention SparseAttentionIndexer SparsePagedAttention
        """,
    },
    "contrib.products": {
        "com.microsoft": """
            CDist DynamicQuantizeMatMul FusedGemm FusedMatMul FusedMatMulActivation GemmFastGelu
            GemmFloat8 Inverse MatMulBlockQuantizedFp4Weight MatMulBlockQuantizedFp8Weight
            MatMulBnb4 MatMulFpQ4 MatMulInteger16 MatMulIntegerToFloat MatMulNBits MatMulNBitsMlp
            MatMulNBitsQLoRA MatMulNBitsQkv MatMulPacked QGemm QOrderedMatMul SparseToDenseMatMul
            TransposeMatMul
        """,
    },
    "contrib.projected_attention": {
        "com.microsoft": """
            Attention DecoderAttention DecoderMaskedSelfAttention LongformerAttention
            PackedAttention QAttention QOrderedAttention QOrderedLongformerAttention
        """,
    },
    "contrib.quantized": {
        "com.microsoft": """
            DequantizeLinear MulInteger QLinearAdd QLinearConcat QLinearLeakyRelu QLinearMul
            QLinearReduceMean QLinearSigmoid QLinearSoftmax QLinearWhere QuantizeLinear
            ReduceSumInteger
        """,
    },
    "contrib.recurrent": {
        "com.microsoft": """
            AttnLSTM DynamicQuantizeLSTM GatedDeltaNet LinearAttention
        """,
    },
    "contrib.residual_streams": {
        "com.microsoft": """
            EmbedLayerNormalization EngramGate GatedRelativePositionBias HyperConnectionLowRankMix
            HyperConnectionPostMix HyperConnectionPreMix QEmbedLayerNormalization
            RelativePositionBias
        """,
    },
    "contrib.rotary": {
        "com.microsoft": """
            GemmaRotaryEmbedding MRotaryEmbedding RMSNormRotary RotaryEmbedding
        """,
    },
    "contrib.speculation": {
        "com.microsoft": """
            ConvStateReplay GatedDeltaNetStateReplay SpeculativePrefixCommit
        """,
    },
    "contrib.windows": {
        "com.microsoft": """
            ConvTransposeWithDynamicPads FusedConv MaxpoolWithMask NhwcConv NhwcFusedConv
            NhwcMaxPool QLinearAveragePool QLinearConv QLinearGlobalAveragePool
        """,
    },
    "ml.features": {
        "ai.onnx.ml": """
            ArrayFeatureExtractor Binarizer CastMap CategoryMapper DictVectorizer FeatureVectorizer
            Imputer LabelEncoder LinearClassifier LinearRegressor Normalizer OneHotEncoder
            SVMClassifier SVMRegressor Scaler ZipMap
        """,
    },
    "ml.trees": {
        "ai.onnx.ml": """
            TreeEnsemble TreeEnsembleClassifier TreeEnsembleRegressor
        """,
    },
    "standard.attention": {
        "": """
            Attention
        """,
        "ai.onnx.preview": """
            FlexAttention
        """,
    },
    "standard.caches": {
        "": """
            CausalConvWithState TensorScatter
        """,
    },
    "standard.control": {
        "": """
            ConcatFromSequence If Loop Scan SequenceAt SequenceConstruct SequenceEmpty SequenceErase
            SequenceInsert SequenceLength SequenceMap SplitToSequence
        """,
    },
    "standard.detection": {
        "": """
            AffineGrid DisentangledAttention_TRT EfficientNMS_TRT ImageDecoder
            MultilevelCropAndResize_TRT NonMaxSuppression PyramidROIAlign_TRT
        """,
    },
    "standard.einsum": {
        "": """
            Einsum
        """,
    },
    "standard.elementwise": {
        "": """
            Abs Acos Acosh Add Affine And Asin Asinh Atan Atanh Bernoulli BitCast BitShift
            BitwiseAnd BitwiseNot BitwiseOr BitwiseXor Cast CastLike Ceil Celu Clip Cos Cosh Div
            Dropout Elu Equal Erf Exp Floor Gelu Greater GreaterOrEqual HardSigmoid HardSwish
            Identity ImageScaler IsInf IsNaN LeakyRelu Less LessOrEqual Log Max Mean MemcpyFromHost
            MemcpyToHost Min Mish Mod Mul Neg Not OneHot Or PRelu ParametricSoftplus Pow Reciprocal
            Relu Round Scale ScaledTanh Selu Shrink Sigmoid Sign Sin Sinh Softplus Softsign Sqrt Sub
            Sum SwiGLU Swish Tan Tanh ThresholdedRelu Where Xor
        """,
    },
    "standard.gather": {
        "": """
            Compress Gather GatherElements GatherND NonZero ReverseSequence Trilu Unique
        """,
    },
    "standard.norms": {
        "": """
            BatchNormalization GroupNormalization InstanceNormalization LayerNormalization
            MeanVarianceNormalization RMSNormalization SimplifiedLayerNormalization
        """,
    },
    "standard.products": {
        "": """
            Gemm MatMul MatMulInteger QLinearMatMul
        """,
    },
    "standard.quantize": {
        "": """
            DequantizeLinear QuantizeLinear
        """,
    },
    "standard.rearrange": {
        "": """
            CenterCropPad Concat Crop DynamicSlice Pad Slice Split
        """,
    },
    "standard.recurrent": {
        "": """
            GRU GRUUnit LSTM RNN
        """,
    },
    "standard.reduce": {
        "": """
            ArgMax ArgMin CumProd CumSum DFT Det DynamicQuantizeLinear Hardmax LogSoftmax
            LpNormalization Multinomial NegativeLogLikelihoodLoss ReduceL1 ReduceL2 ReduceLogSum
            ReduceLogSumExp ReduceMax ReduceMean ReduceMin ReduceProd ReduceSum ReduceSumSquare
            Softmax SoftmaxCrossEntropyLoss TopK
        """,
    },
    "standard.resize": {
        "": """
            Resize Upsample
        """,
    },
    "standard.sampled": {
        "": """
            DeformConv GridSample MaxRoiPool RoiAlign
        """,
    },
    "standard.scatter": {
        "": """
            Scatter ScatterElements ScatterND
        """,
    },
    "standard.shapes": {
        "": """
            DepthToSpace Expand Flatten Optional OptionalGetElement Reshape SpaceToDepth Squeeze
            Tile Transpose Unsqueeze
        """,
    },
    "standard.sources": {
        "": """
            BlackmanWindow Constant ConstantOfShape EyeLike GivenTensorFill HammingWindow HannWindow
            MelWeightMatrix OptionalHasElement RandomNormal RandomNormalLike RandomUniform
            RandomUniformLike Range Shape Size
        """,
    },
    "standard.streaming": {
        "": """
            LinearAttention RotaryEmbedding
        """,
    },
    "standard.text": {
        "": """
            RegexFullMatch StringConcat StringNormalizer StringSplit TfIdfVectorizer
        """,
    },
    "standard.training": {
        "ai.onnx.preview.training": """
            Adagrad Adam Gradient Momentum
        """,
    },
    "standard.transposed": {
        "": """
            ConvTranspose
        """,
    },
    "standard.windows": {
        "": """
            AveragePool Col2Im Conv ConvInteger GlobalAveragePool GlobalLpPool GlobalMaxPool LRN
            LpPool MaxPool MaxUnpool QLinearConv STFT
        """,
    },
}
