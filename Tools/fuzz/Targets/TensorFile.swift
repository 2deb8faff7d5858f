import PerceptCheckpoint
import PerceptNumbers

/// A tensor of a file that is made: what its description says, true or not, and the bytes that are there.
struct MadeTensor {
    var name: String
    var type: ElementType
    var shape: [Int]
    /// For PyTorch's files; row-major unless given.
    var strides: [Int]?
    var data: [UInt8]

    /// The bytes that the shape asks for; nil where they are more than anybody makes here.
    var neededBytes: Int? {
        var count = type.size
        for side in shape {
            let (product, overflow) = count.multipliedReportingOverflow(by: side)
            if overflow || side < 0 { return nil }
            count = product
        }
        return count <= 1 << 18 ? count : nil
    }

    /// Sets the data to as many bytes as the shape asks for, if that is possible.
    mutating func fitData() {
        guard let needed = neededBytes, needed != data.count else { return }
        data = (0..<needed).map { data.isEmpty ? 0 : data[$0 % data.count] }
    }
}

/// Files of tensors with any shapes.
enum TensorFile {
    static func safetensors(_ tensors: [MadeTensor], metadata: String? = nil) -> [UInt8] {
        var header = "{"
        if let metadata { header += "\"__metadata__\":\(metadata)," }
        var offset = 0
        header += tensors.map { tensor in
            defer { offset += tensor.data.count }
            return "\"\(tensor.name)\":{\"dtype\":\"\(tensor.type.safetensorsName)\",\"shape\":\(tensor.shape),"
                + "\"data_offsets\":[\(offset),\(offset + tensor.data.count)]}"
        }.joined(separator: ",")
        header += "}"
        var bytes: [UInt8] = []
        bytes.append(number: header.utf8.count, 8, bigEndian: false)
        return bytes + header.utf8 + tensors.flatMap(\.data)
    }

    /// What `torch.save` writes for a dictionary of tensors, in pickle protocol 2.
    static func torch(_ tensors: [MadeTensor]) -> [UInt8] {
        var pickle: [UInt8] = [0x80, 2, UInt8(ascii: "}"), UInt8(ascii: "(")]
        var parts: [Part] = []
        for (index, tensor) in tensors.enumerated() {
            text(tensor.name, &pickle)
            pickle += "ctorch._utils\n_rebuild_tensor_v2\n(".utf8
            // The storage: a persistent id of five.
            pickle.append(UInt8(ascii: "("))
            text("storage", &pickle)
            pickle += "ctorch\n\(storage(tensor.type))\n".utf8
            text("\(index)", &pickle)
            text("cpu", &pickle)
            number(tensor.data.count / tensor.type.size, &pickle)
            pickle += "tQ".utf8
            number(0, &pickle)
            tuple(tensor.shape, &pickle)
            tuple(tensor.strides ?? rowMajor(tensor.shape), &pickle)
            // requires_grad, and an ordered dictionary of hooks.
            pickle += [0x89] + "ccollections\nOrderedDict\n)RtR".utf8
            parts.append(Part("archive/data/\(index)".utf8, tensor.data))
        }
        pickle += "u.".utf8
        return ZipFormat().bytes(
            [Part("archive/data.pkl".utf8, pickle)] + parts + [Part("archive/version".utf8, "3\n".utf8)])
    }

    private static func storage(_ type: ElementType) -> String {
        switch type {
        case .f64: "DoubleStorage"
        case .f32: "FloatStorage"
        case .f16: "HalfStorage"
        case .bf16: "BFloat16Storage"
        case .i64: "LongStorage"
        case .i32: "IntStorage"
        case .i16: "ShortStorage"
        case .i8: "CharStorage"
        case .u8: "ByteStorage"
        case .bool: "BoolStorage"
        }
    }

    private static func rowMajor(_ shape: [Int]) -> [Int] {
        var strides = shape.map { _ in 1 }
        for index in shape.indices.dropLast().reversed() {
            strides[index] = strides[index + 1] &* max(shape[index + 1], 1)
        }
        return strides
    }

    private static func text(_ text: String, _ pickle: inout [UInt8]) {
        pickle.append(UInt8(ascii: "X"))
        pickle.append(number: text.utf8.count, 4, bigEndian: false)
        pickle += text.utf8
    }

    private static func number(_ value: Int, _ pickle: inout [UInt8]) {
        pickle += [0x8A, 8]
        pickle.append(number: value, 8, bigEndian: false)
    }

    private static func tuple(_ values: [Int], _ pickle: inout [UInt8]) {
        pickle.append(UInt8(ascii: "("))
        for value in values { number(value, &pickle) }
        pickle.append(UInt8(ascii: "t"))
    }
}
