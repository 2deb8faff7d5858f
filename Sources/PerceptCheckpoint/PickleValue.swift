/// A value on the pickle machine's stack.
///
/// Containers are numbers that index the machine's own table: a hostile pickle can nest them without end or make
/// them contain themselves, and as references neither would come apart safely.
enum PickleValue {
    case none
    case bool(Bool)
    case integer(Int)
    case string(String)
    /// A value that no tensor needs: a float, bytes, a big integer, an element type, a set.
    case ignored
    case tuple(Int)
    case list(Int)
    /// Keys and values alternate in the table.
    case dictionary(Int)
    case global(PickleGlobal)
    case storage(TorchStorage)
    case tensor(TorchTensor)
}

/// The callables and classes a file of tensors may name.
enum PickleGlobal: Hashable {
    case orderedDictionary
    case rebuildTensor
    case rebuildParameter
    case rebuildParameterWithState
    case size
    case set
    case elementType
    case storage(ElementType)

    /// - Returns: nil for everything else.
    init?(module: String, name: String) {
        switch (module, name) {
        case ("collections", "OrderedDict"): self = .orderedDictionary
        case ("torch._utils", "_rebuild_tensor_v2"): self = .rebuildTensor
        case ("torch._utils", "_rebuild_parameter"): self = .rebuildParameter
        case ("torch._utils", "_rebuild_parameter_with_state"): self = .rebuildParameterWithState
        case ("torch", "Size"): self = .size
        case ("builtins", "set"), ("__builtin__", "set"): self = .set
        case ("torch", "DoubleStorage"): self = .storage(.f64)
        case ("torch", "FloatStorage"): self = .storage(.f32)
        case ("torch", "HalfStorage"): self = .storage(.f16)
        case ("torch", "BFloat16Storage"): self = .storage(.bf16)
        case ("torch", "LongStorage"): self = .storage(.i64)
        case ("torch", "IntStorage"): self = .storage(.i32)
        case ("torch", "ShortStorage"): self = .storage(.i16)
        case ("torch", "CharStorage"): self = .storage(.i8)
        case ("torch", "ByteStorage"): self = .storage(.u8)
        case ("torch", "BoolStorage"): self = .storage(.bool)
        case ("torch", "float64"), ("torch", "float32"), ("torch", "float16"), ("torch", "bfloat16"),
            ("torch", "int64"), ("torch", "int32"), ("torch", "int16"), ("torch", "int8"), ("torch", "uint8"),
            ("torch", "bool"):
            self = .elementType
        default: return nil
        }
    }
}

/// A persistent reference to the raw bytes `data/<key>` of an archive.
struct TorchStorage {
    let type: ElementType
    let key: String
    /// Length in elements.
    let count: Int
}

/// The arguments of PyTorch's `_rebuild_tensor_v2`, in elements.
struct TorchTensor {
    let storage: TorchStorage
    let offset: Int
    let shape: [Int]
    let strides: [Int]
}
