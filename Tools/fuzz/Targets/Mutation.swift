/// Makes new inputs of given ones.
package struct Mutation: Sendable {
    /// Changes bytes without knowing what they mean: libFuzzer's own way, or ``plain``.
    package typealias Bytes = @Sendable (_ bytes: inout [UInt8], _ longest: Int, _ dice: inout Dice) -> Void

    private let target: FuzzTarget
    private let bytes: Bytes

    package init(_ target: FuzzTarget, bytes: @escaping Bytes) {
        self.target = target
        self.bytes = bytes
    }

    /// A changed input of at most `longest` bytes.
    package func callAsFunction(_ input: [UInt8], longest: Int, dice: inout Dice) -> [UInt8] {
        var result = input
        let room = min(longest, target.longest)
        // Plain bytes now and then: lengths and checksums that are wrong are a case of their own.
        if let format = target.format, !dice.isOne(in: 5), var parts = format.parts(input), !parts.isEmpty {
            for _ in 0...dice.below(2) { change(&parts, format, room, &dice) }
            result = format.bytes(parts)
        } else if dice.isOne(in: 4) {
            Self.putExtreme(&result, &dice)
        } else {
            bytes(&result, room, &dice)
        }
        if result.count > room { result.removeLast(result.count - room) }
        return result
    }

    private func change(_ parts: inout [Part], _ format: any PartedFormat, _ room: Int, _ dice: inout Dice) {
        guard !parts.isEmpty else { return }
        let index = dice.below(parts.count)
        switch dice.below(12) {
        case 0 where parts.count > 1: parts.remove(at: index)
        case 1: parts.insert(parts[index], at: dice.below(parts.count + 1))
        case 2: parts.swapAt(index, dice.below(parts.count))
        case 3...6: Self.putExtreme(&parts[index].body, &dice)
        case 7 where !format.containers.isEmpty:
            // A part within a part, as deep as there are any.
            if var inner = format.inner(of: parts[index]), !inner.isEmpty {
                change(&inner, format, room, &dice)
                parts[index].body = format.outer(parts[index], inner)
            } else {
                bytes(&parts[index].body, room, &dice)
            }
        case 8 where !format.containers.isEmpty, 9 where !format.containers.isEmpty:
            guard
                let container = parts.indices.filter({ format.containers.contains(parts[$0].kind) }).randomElement(
                    using: &dice),
                var inner = format.inner(of: parts[container]), !inner.isEmpty
            else { return }
            change(&inner, format, room, &dice)
            parts[container].body = format.outer(parts[container], inner)
        default: bytes(&parts[index].body, room, &dice)
        }
    }

    /// Numbers at which sizes, signs and sums go over.
    static let extremes: [UInt64] = [
        0, 1, 2, 3, 0x7F, 0x80, 0xFF, 0x100, 0x7FFF, 0x8000, 0xFFFE, 0xFFFF, 0x1_0000, 60000, 0x00FF_FFFF, 0x0FFF_FFFF,
        0x3FFF_FFFF, 0x4000_0000, 0x7FFF_FFFF, 0x8000_0000, 0xFFFF_FFFE, 0xFFFF_FFFF, 1 << 32, 1 << 40, 1 << 62,
        .max >> 1, 1 << 63, .max - 1, .max,
    ]

    /// Writes an extreme number over 1, 2, 4 or 8 bytes, in either order; near the start as often as anywhere.
    static func putExtreme(_ bytes: inout [UInt8], _ dice: inout Dice) {
        let width = [1, 2, 4, 4, 8][dice.below(5)]
        guard bytes.count >= width else { return }
        let places = bytes.count - width + 1
        let place = dice.below(dice.isOne(in: 2) ? min(places, 96) : places)
        let value = extremes[dice.below(extremes.count)]
        let isBig = dice.isOne(in: 2)
        for index in 0..<width {
            bytes[place + index] = UInt8(truncatingIfNeeded: value >> UInt64(8 * (isBig ? width - 1 - index : index)))
        }
    }

    /// A few small changes of the common kinds, for runs without libFuzzer.
    package static func plain(_ words: [String]) -> Bytes {
        { bytes, longest, dice in
            for _ in 0...dice.below(4) {
                guard !bytes.isEmpty else {
                    bytes = [UInt8(dice.below(256))]
                    continue
                }
                let place = dice.below(bytes.count)
                let length = 1 + dice.below(min(bytes.count - place, 1 << dice.below(8)))
                switch dice.below(9) {
                case 0: bytes[place] ^= 1 << dice.below(8)
                case 1: bytes[place] = UInt8(dice.below(256))
                case 2: bytes.removeSubrange(place..<place + length)
                case 3: bytes.insert(contentsOf: bytes[place..<place + length], at: dice.below(bytes.count + 1))
                case 4: putExtreme(&bytes, &dice)
                case 5: bytes.removeLast(bytes.count - place)
                case 6: bytes[place] = bytes[place] &+ (dice.isOne(in: 2) ? 1 : 255)
                case 7 where !words.isEmpty:
                    bytes.insert(contentsOf: words[dice.below(words.count)].utf8, at: place)
                default:
                    for index in place..<place + length { bytes[index] = UInt8(dice.below(256)) }
                }
            }
            if bytes.count > longest { bytes.removeLast(bytes.count - longest) }
        }
    }
}
