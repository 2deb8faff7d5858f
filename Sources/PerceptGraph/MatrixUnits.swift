package import PerceptNumbers
package import PerceptShaders

/// Matrix units as a device offers them to subgroups (`VK_KHR_cooperative_matrix`), with f32 sums, and the kernels that
/// use them there.
package struct MatrixUnits: Hashable, Sendable {
    /// What one operation multiplies: [rows, depth] by [depth, columns].
    package struct Shape: Hashable, Sendable, CustomStringConvertible {
        package let rows: Int
        package let columns: Int
        package let depth: Int

        package init(rows: Int, columns: Int, depth: Int) {
            self.rows = rows
            self.columns = columns
            self.depth = depth
        }

        package var description: String { "\(rows)x\(columns)x\(depth)" }
    }

    /// By the type of the elements, f16 or bf16.
    package var shapes: [StorageType: Shape]
    /// The subgroup size that pipelines ask for.
    package var subgroupSize: Int
    /// Those of the catalog that serve.
    package var kernels: Set<Kernel>
    /// Matrices of whole workgroups (`VK_NV_cooperative_matrix2`).
    package var workgroups: [Workgroup] = []
    /// Bytes of shared memory that the driver keeps for those.
    package var reservedSharedMemory = 0

    /// Workgroups of a number of threads, and what the sides of their matrices must be multiples of.
    package struct Workgroup: Hashable, Sendable {
        package let elements: StorageType
        package let threads: Int
        package let step: Shape
        /// The longest side.
        package let longest: Int

        package init(elements: StorageType, threads: Int, step: Shape, longest: Int) {
            self.elements = elements
            self.threads = threads
            self.step = step
            self.longest = longest
        }
    }

    package init(shapes: [StorageType: Shape], subgroupSize: Int, kernels: Set<Kernel>) {
        self.shapes = shapes
        self.subgroupSize = subgroupSize
        self.kernels = kernels
    }

    /// The shape that a kernel has for a type of elements; nil where it does not serve.
    func shape(_ elements: StorageType, for kernel: Kernel?) -> Shape? {
        guard let kernel, kernels.contains(kernel) else { return nil }
        return shapes[elements]
    }
}
