/// Families of devices that like their kernels alike. What a family likes is `KernelPreferences.init(_:)`.
package enum DeviceClass: String, Hashable, Sendable, CaseIterable {
    case nvidia = "NVIDIA"
    case amdRDNA4 = "AMD RDNA4"
    case amdRDNA3 = "AMD RDNA3"
    /// RDNA1 as well: neither has matrix units.
    case amdRDNA2 = "AMD RDNA2"
    /// CDNA as well: both have subgroups of 64 only.
    case amdGCN = "AMD GCN"
    case intelArc = "Intel Arc"
    case intelIntegrated = "Intel integrated"
    /// Through MoltenVK or Honeykrisp.
    case apple = "Apple"
    case cpu = "CPU driver"
    case other = "other"
}
