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
        let variant: Variant
        switch elements {
        case .f32: return nil
        case .f16: variant = .plain
        case .bf16: variant = .bf16
        }
        product = Catalog.matmulMatrix[variant]
        workgroupProduct = Catalog.matmulWorkgroupMatrix[variant]
        attention = Catalog.attentionMatrix[variant]
        cachedAttention = Catalog.attentionMatrix[.cached + variant]
        workgroupAttention = Catalog.attentionWorkgroupMatrix[variant]
        cachedWorkgroupAttention = Catalog.attentionWorkgroupMatrix[.cached + variant]
    }
}
