package import PerceptTokenizer

/// Texts to ids and back, by a checkpoint's tokenizer or, for made-up weights, byte by byte.
package enum LanguageTokenizer: Sendable {
    case pairs(BytePairTokenizer)
    /// A byte is an id; Llama's special tokens are the last 256 ids of a vocabulary of this size.
    case bytes(vocabulary: Int)

    /// Llama 3's special tokens by their distance from the first (perception_models: apps/plm/tokenizer.py).
    private static let specials = [
        "<|begin_of_text|>": 0, "<|end_of_text|>": 1, "<|image|>": 2, "<|start_header_id|>": 6, "<|end_header_id|>": 7,
        "<|eot_id|>": 9,
    ]

    package func specialID(_ name: String) -> UInt32? {
        switch self {
        case .pairs(let tokenizer): tokenizer.specialID(name)
        case .bytes(let vocabulary): Self.specials[name].map { UInt32(vocabulary - 256 + $0) }
        }
    }

    /// Ordinary text: special tokens in it are letters like others.
    package func encode(_ text: String) -> [UInt32] {
        switch self {
        case .pairs(let tokenizer): tokenizer.encode(text)
        case .bytes: text.utf8.map(UInt32.init)
        }
    }

    package func decoder() -> Decoder {
        if case .pairs(let tokenizer) = self { .pairs(tokenizer.streamDecoder()) } else { .bytes }
    }

    /// Ids to text, token by token.
    package enum Decoder {
        case pairs(StreamDecoder)
        case bytes

        package mutating func append(_ id: UInt32) -> String {
            switch self {
            case .bytes: return "#\(id) "
            case .pairs(var decoder):
                defer { self = .pairs(decoder) }
                return decoder.append(id)
            }
        }

        package mutating func finish() -> String {
            guard case .pairs(var decoder) = self else { return "" }
            return decoder.finish()
        }
    }
}
