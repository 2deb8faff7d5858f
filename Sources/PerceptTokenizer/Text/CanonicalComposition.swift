import Foundation

/// Normalization form C.
///
/// Decompositions and compositions of single characters come from the standard library. Its normalisation of longer
/// text does not serve (Swift 6.3): it leaves marks after U+0F73, U+0F75 and U+0F81 unordered, composes the jamo
/// U+1113 as if it were modern, and leaves U+AC1C U+11AE and U+0CCA U+0CD5 apart.
func canonicallyComposed(_ text: [Unicode.Scalar]) -> [Unicode.Scalar] {
    // Nothing below the combining marks takes part in a composition with its neighbours.
    guard text.contains(where: { $0.value >= 0x300 }) else { return text }
    return composed(reordered(text.flatMap(decomposed)))
}

private func decomposed(_ scalar: Unicode.Scalar) -> [Unicode.Scalar] {
    if scalar.value < 0xC0 { return [scalar] }
    return Array(String(scalar).decomposedStringWithCanonicalMapping.unicodeScalars)
}

/// Sorts each run of combining marks by combining class, keeping the order of equals.
private func reordered(_ text: [Unicode.Scalar]) -> [Unicode.Scalar] {
    var result: [Unicode.Scalar] = []
    result.reserveCapacity(text.count)
    var marks: [Unicode.Scalar] = []
    func flush() {
        result += marks.enumerated().sorted {
            ($0.element.properties.canonicalCombiningClass, $0.offset)
                < ($1.element.properties.canonicalCombiningClass, $1.offset)
        }.map(\.element)
        marks.removeAll()
    }
    for scalar in text {
        if scalar.properties.canonicalCombiningClass == .notReordered {
            flush()
            result.append(scalar)
        } else {
            marks.append(scalar)
        }
    }
    flush()
    return result
}

/// Composes decomposed and ordered text: each character joins the last starter unless one of its own class or of class
/// zero stands between.
private func composed(_ text: [Unicode.Scalar]) -> [Unicode.Scalar] {
    var result: [Unicode.Scalar] = []
    result.reserveCapacity(text.count)
    var starter: Int?
    var previousClass: Unicode.CanonicalCombiningClass?
    for scalar in text {
        let combiningClass = scalar.properties.canonicalCombiningClass
        let isReachable = previousClass.map { $0 != .notReordered && $0 < combiningClass } ?? true
        if let starter, isReachable, let composite = composite(result[starter], scalar) {
            result[starter] = composite
            continue
        }
        result.append(scalar)
        if combiningClass == .notReordered {
            starter = result.count - 1
            previousClass = nil
        } else {
            previousClass = combiningClass
        }
    }
    return result
}

/// The character that `first` and `second` compose to.
private func composite(_ first: Unicode.Scalar, _ second: Unicode.Scalar) -> Unicode.Scalar? {
    if second.isASCII { return nil }
    if let syllable = hangulSyllable(first, second) { return syllable }
    if (0x1100...0x11FF).contains(second.value) { return nil }
    if first == "\u{CCA}", second == "\u{CD5}" { return "\u{CCB}" }
    var pair = String.UnicodeScalarView()
    pair.append(first)
    pair.append(second)
    let result = String(pair).precomposedStringWithCanonicalMapping.unicodeScalars
    return result.count == 1 ? result.first : nil
}

/// Hangul syllables are composed by arithmetic (The Unicode Standard, section 3.12).
private func hangulSyllable(_ first: Unicode.Scalar, _ second: Unicode.Scalar) -> Unicode.Scalar? {
    let (leads, vowels, tails) = (
        0x1100...0x1112 as ClosedRange<UInt32>, 0x1161...0x1175 as ClosedRange<UInt32>,
        0x11A8...0x11C2 as ClosedRange<UInt32>
    )
    let syllables: ClosedRange<UInt32> = 0xAC00...0xD7A3
    if leads.contains(first.value), vowels.contains(second.value) {
        return Unicode.Scalar(0xAC00 + ((first.value - 0x1100) * 21 + second.value - 0x1161) * 28)
    }
    if syllables.contains(first.value), (first.value - 0xAC00) % 28 == 0, tails.contains(second.value) {
        return Unicode.Scalar(first.value + second.value - 0x11A7)
    }
    return nil
}
