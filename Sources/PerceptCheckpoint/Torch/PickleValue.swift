import PerceptNumbers

/// A value on the pickle machine's stack.
///
/// Containers are numbers that index the machine's own table: a hostile pickle can nest them without end or make
/// them contain themselves, and as references neither would come apart safely.
enum PickleValue {
    case none
    case bool(Bool)
    case integer(Int)
    case string(String)
    /// A value that no tensor needs: a float, bytes, a big integer, a set.
    case ignored
    case tuple(Int)
    case list(Int)
    /// Keys and values alternate in the table.
    case dictionary(Int)
    case global(PickleGlobal)
    case storage(TorchStorage)
    case tensor(TorchTensor)
    /// What a class made that is not known here: a number in the machine's table of objects.
    case object(Int)
}

/// Something made by a class or function that is not known here. Nothing was called: what is kept is what it would have
/// been given.
struct PickleObject {
    /// `module.name`.
    let className: String
    /// Set like a dictionary's; keys and values alternate.
    var items: Int?
    /// What BUILD gave it: its attributes, as a rule.
    var state: PickleValue?
}

/// The callables and classes a file of tensors may name.
enum PickleGlobal: Hashable {
    /// OrderedDict and others that are a dictionary.
    case dictionaryClass
    case rebuildTensor
    /// With the element type as an argument, for types that have no storage class.
    case rebuildTypedTensor
    /// A subclass: the function that makes the tensor, the class, the function's arguments, the state.
    case rebuildSubclass
    case rebuildParameter
    case rebuildParameterWithState
    case elementType(String)
    case storage(ElementType)
    /// Of elements that are not read.
    case otherStorage(String)
    /// Anything else, by `module.name`.
    case other(String)

    /// - Returns: nil for what runs programs or reaches out of the process. Nothing of a pickle is ever called, whatever it
    ///   names; but a file of tensors has no use for these, and who got one should know.
    init?(module: String, name: String) {
        switch (module, name) {
        case ("collections", "OrderedDict"), ("collections", "defaultdict"), ("collections", "Counter"),
            ("builtins", "dict"), ("__builtin__", "dict"):
            self = .dictionaryClass
        case ("torch._utils", "_rebuild_tensor"), ("torch._utils", "_rebuild_tensor_v2"): self = .rebuildTensor
        case ("torch._utils", "_rebuild_tensor_v3"): self = .rebuildTypedTensor
        case ("torch._tensor", "_rebuild_from_type_v2"): self = .rebuildSubclass
        case ("torch._utils", "_rebuild_parameter"): self = .rebuildParameter
        case ("torch._utils", "_rebuild_parameter_with_state"): self = .rebuildParameterWithState
        case ("torch", _) where name.hasSuffix("Storage"), ("torch.storage", "UntypedStorage"):
            self = Self.storages[name].map { .storage($0) } ?? .otherStorage(name)
        case ("torch", _) where name.first?.isLowercase == true:
            self = .elementType(name)
        case (_, _) where Self.isDangerous(module, name): return nil
        default: self = .other("\(module).\(name)")
        }
    }

    private static let storages: [String: ElementType] = [
        "DoubleStorage": .f64, "FloatStorage": .f32, "HalfStorage": .f16, "BFloat16Storage": .bf16, "LongStorage": .i64,
        "IntStorage": .i32, "ShortStorage": .i16, "CharStorage": .i8, "ByteStorage": .u8, "BoolStorage": .bool,
    ]

    private static let dangerousModules: Set<String> = [
        "os", "posix", "nt", "posixpath", "ntpath", "subprocess", "_posixsubprocess", "sys", "runpy", "pty", "commands",
        "popen2", "shutil", "socket", "webbrowser", "importlib", "ctypes", "_ctypes", "pip", "code", "pdb", "timeit",
        "cProfile", "profile", "multiprocessing", "urllib", "requests", "http", "ftplib", "smtplib",
    ]
    private static let dangerousBuiltins: Set<String> = [
        "eval", "exec", "execfile", "compile", "open", "__import__", "breakpoint", "input", "exit", "quit",
    ]

    private static func isDangerous(_ module: String, _ name: String) -> Bool {
        if ["builtins", "__builtin__"].contains(module) { return dangerousBuiltins.contains(name) }
        return dangerousModules.contains(module.split(separator: ".").first.map(String.init) ?? module)
    }

    /// For messages.
    var name: String {
        switch self {
        case .dictionaryClass: "collections.OrderedDict"
        case .rebuildTensor: "torch._utils._rebuild_tensor_v2"
        case .rebuildTypedTensor: "torch._utils._rebuild_tensor_v3"
        case .rebuildSubclass: "torch._tensor._rebuild_from_type_v2"
        case .rebuildParameter: "torch._utils._rebuild_parameter"
        case .rebuildParameterWithState: "torch._utils._rebuild_parameter_with_state"
        case .elementType(let name), .otherStorage(let name): "torch.\(name)"
        case .storage(let type): "torch's storage of \(type)"
        case .other(let name): name
        }
    }
}

/// A persistent reference to raw bytes: the entry `data/<key>` of an archive, or a run of the old format's stream.
struct TorchStorage {
    /// Nil for elements that are not read, which ``typeName`` names.
    let type: ElementType?
    let typeName: String
    let key: String
    /// Length in elements.
    let count: Int
    /// Where this storage begins in the one called ``key``, in elements; the old format has storages that are parts.
    var start = 0
    /// Elements of this part; those of all unless it is one.
    var partCount: Int?
}

/// The arguments of PyTorch's `_rebuild_tensor_v2`, in elements.
struct TorchTensor {
    let storage: TorchStorage
    let offset: Int
    let shape: [Int]
    let strides: [Int]
    /// What about it is not read; nil where all is.
    var foreign: String?
}
