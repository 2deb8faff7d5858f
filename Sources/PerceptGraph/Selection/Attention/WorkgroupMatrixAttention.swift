package import PerceptNumbers
package import PerceptShaders

/// How `attention_workgroup_matrix` cuts attention: a pure function of head and device.
package struct WorkgroupMatrixAttention: Hashable, Sendable {
    let kernel: Kernel
    let headOctets: Int
    /// Columns of a head as matrices have them: the head, up to whole steps of the device's matrices.
    package let width: Int
    let cut: Cut

    struct Cut: Hashable, Sendable {
        /// Of a workgroup.
        let queries: Int
        /// Keys at a time.
        let block: Int
        /// Threads of a workgroup.
        let lanes: Int
    }

    /// Rows of the result that are in shared memory at a time.
    private static let slabRows = 16

    /// Most queries first: they share each load of keys and values.
    private static let cuts = [
        Cut(queries: 128, block: 64, lanes: 256), Cut(queries: 64, block: 64, lanes: 256),
        Cut(queries: 64, block: 64, lanes: 128), Cut(queries: 64, block: 32, lanes: 128),
        Cut(queries: 32, block: 32, lanes: 128),
    ]

    /// Cuts that the device takes, most queries first; none where matrices of workgroups do not serve.
    static func fitting(
        _ elements: StorageType, headOctets: Int, cached: Bool, device: DeviceProfile
    ) -> [WorkgroupMatrixAttention] {
        guard let units = device.matrixUnits, let kernel = kernel(elements, cached: cached),
            units.kernels.contains(kernel)
        else { return [] }
        return cuts.compactMap { cut in
            guard cut.lanes <= device.largestWorkgroup,
                let workgroup = units.workgroups.first(where: {
                    $0.elements == elements && $0.threads == cut.lanes && cut.isMade(of: $0)
                })
            else { return nil }
            // A head is the depth of one product, and the columns of the other.
            let step = max(workgroup.step.columns, workgroup.step.depth)
            let width = (8 * headOctets).roundedUp(to: step)
            let shared = slabRows * width * 4 + units.reservedSharedMemory
            guard width % workgroup.step.columns == 0, width % workgroup.step.depth == 0, width <= workgroup.longest,
                shared <= device.sharedMemoryBytes
            else { return nil }
            return WorkgroupMatrixAttention(kernel: kernel, headOctets: headOctets, width: width, cut: cut)
        }
    }

    package static func kernel(_ elements: StorageType, cached: Bool) -> Kernel? {
        MatrixKernels(elements).map { cached ? $0.cachedWorkgroupAttention : $0.workgroupAttention }
    }

    /// The specialisation constants beyond those that all kernels of attention have, but the number of tokens.
    var constants: [(key: String, value: Int)] {
        [("QUERIES", cut.queries), ("BLOCK", cut.block), ("WIDTH", width), ("SLAB_ROWS", Self.slabRows)]
    }
}

extension WorkgroupMatrixAttention.Cut {
    /// Queries are rows of both products; keys the columns of one and the depth of the other.
    fileprivate func isMade(of workgroup: MatrixUnits.Workgroup) -> Bool {
        let step = workgroup.step
        return max(queries, block) <= workgroup.longest && queries % step.rows == 0 && block % step.columns == 0
            && block % step.depth == 0
    }
}
