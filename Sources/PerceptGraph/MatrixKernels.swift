import PerceptNumbers
import PerceptShaders

/// The kernels for matrix units, by what their matrices are made of.
struct MatrixKernels {
    let product: Kernel
    let workgroupProduct: Kernel
    let attention: Kernel
    let cachedAttention: Kernel
    let workgroupAttention: Kernel
    let cachedWorkgroupAttention: Kernel

    /// - Returns: nil for elements that no kernel has matrices of.
    init?(_ elements: StorageType) {
        switch elements {
        case .f32: return nil
        case .f16:
            product = Catalog.matmulMatrix
            workgroupProduct = Catalog.matmulWorkgroupMatrix
            attention = Catalog.attentionMatrix
            cachedAttention = Catalog.attentionMatrixCached
            workgroupAttention = Catalog.attentionWorkgroupMatrix
            cachedWorkgroupAttention = Catalog.attentionWorkgroupMatrixCached
        case .bf16:
            product = Catalog.matmulMatrixBF16
            workgroupProduct = Catalog.matmulWorkgroupMatrixBF16
            attention = Catalog.attentionMatrixBF16
            cachedAttention = Catalog.attentionMatrixCachedBF16
            workgroupAttention = Catalog.attentionWorkgroupMatrixBF16
            cachedWorkgroupAttention = Catalog.attentionWorkgroupMatrixCachedBF16
        }
    }
}
