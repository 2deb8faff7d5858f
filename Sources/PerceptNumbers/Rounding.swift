extension Int {
    package func dividedRoundingUp(by divisor: Int) -> Int { (self + divisor - 1) / divisor }
    package func roundedUp(to multiple: Int) -> Int { dividedRoundingUp(by: multiple) * multiple }
}
