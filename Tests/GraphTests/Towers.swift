import PerceptGraph
import PerceptModels
import PerceptNumbers

/// A whole vision tower at its own resolution, from pixels to the unit embedding.
func visionGraph(_ config: VisionConfig, batch: Int, layers: Int? = nil, fusesNorms: Bool = false) -> Graph {
    var graph = Graph()
    let pixels = graph.input("pixels", [batch, 3, config.imageSize, config.imageSize])
    let tower = VisionTransformer(config, storage: .f16, fusedNormRows: fusesNorms ? .max : 0)
    let features = tower(pixels, lastLayer: (layers ?? config.layers) - 1, in: &graph)
    let tokens = features.blocks[features.blocks.count - 1]
    let embedding = tower.project(tower.pool(tokens, in: &graph), in: &graph)
    graph.output("embedding", graph.l2Normalize("normalize", embedding))
    return graph
}

func textGraph(_ config: TextConfig, batch: Int, fusesNorms: Bool = false) -> Graph {
    var graph = Graph()
    let ids = graph.input("ids", [batch, config.context])
    let features = TextTransformer(config, storage: .f16, fusedNormRows: fusesNorms ? .max : 0)(ids, in: &graph)
    graph.output("embedding", graph.l2Normalize("normalize", features.embedding))
    return graph
}
