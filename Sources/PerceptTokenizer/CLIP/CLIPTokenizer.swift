/// Text to token ids as the CLIP text towers of Perception Encoder expect them
/// (perception_models: core/vision_encoder/tokenizer.py; the same ids as open_clip's default tokenizer).
///
/// Text is cleaned (``cleanedCaption(_:)``), cut into pieces (``CaptionPieces``) and each piece encoded
/// by ``BytePairVocabulary``. One step of the reference is left out: its repair of mojibake, text whose UTF-8 bytes
/// were once read in another encoding ("cafÃ©" for "café").
package struct CLIPTokenizer: Sendable {
    private let vocabulary: BytePairVocabulary

    /// A tokenizer with the vocabulary of OpenAI CLIP, 49,408 ids, which is part of the library.
    package init() {
        vocabulary = .clip
    }

    /// A tokenizer with another list of merges.
    ///
    /// - Parameter merges: UTF-8 text, one `left right` per line, in rank order, without a version line.
    package init(merges: [UInt8]) throws(MergesError) {
        vocabulary = try BytePairVocabulary(merges: merges)
    }

    /// Id that opens every text, `<start_of_text>`: 49406 for CLIP.
    package var startOfText: UInt32 { vocabulary.symbolCount }

    /// Id that closes every text, `<end_of_text>`: 49407 for CLIP, the largest of all.
    package var endOfText: UInt32 { vocabulary.symbolCount + 1 }

    /// Start, ids of `text`, end; neither padded nor cut.
    package func tokens(_ text: String) -> [UInt32] {
        var ids = [startOfText]
        for piece in CaptionPieces(cleanedCaption(text)) {
            switch piece {
            case .startOfText: ids.append(startOfText)
            case .endOfText: ids.append(endOfText)
            case .text(let bytes): vocabulary.encode(bytes, into: &ids)
            }
        }
        ids.append(endOfText)
        return ids
    }

    /// ``tokens(_:)`` with zeros appended, or cut with the end id in the last place, to `contextLength` ids.
    ///
    /// - Precondition: `contextLength` is at least 1.
    package func encode(_ text: String, contextLength: Int) -> [UInt32] {
        precondition(contextLength >= 1, "a context holds at least one token")
        var ids = tokens(text)
        if ids.count > contextLength {
            ids.removeSubrange(contextLength...)
            ids[contextLength - 1] = endOfText
        }
        ids.append(contentsOf: repeatElement(0, count: contextLength - ids.count))
        return ids
    }
}

extension BytePairVocabulary {
    fileprivate static let clip: BytePairVocabulary = {
        do {
            return try BytePairVocabulary(merges: EmbeddedText.clipMerges)
        } catch {
            preconditionFailure("the merges built into the library: \(error)")
        }
    }()
}
