import ArgumentParser
import Percept
import PerceptCommandKit

/// A region in pixels of the upright image: left, top, right, bottom.
struct BoxOption: ExpressibleByArgument {
    let box: Region

    init?(argument: String) {
        let sides = argument.split(separator: ",", omittingEmptySubsequences: false).map { Double($0) }
        guard sides.count == 4, let left = sides[0], let top = sides[1], let right = sides[2], let bottom = sides[3],
            let box = Region(left: left, top: top, right: right, bottom: bottom)
        else { return nil }
        self.box = box
    }
}
