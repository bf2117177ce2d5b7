// Places the boxes of a diagram: nodes with a size and edges between them in, coordinates out.
import dagre from '@dagrejs/dagre';
export function layout(nodes, edges, options) {
  const graph = new dagre.graphlib.Graph({ multigraph: true }).setGraph(options).setDefaultEdgeLabel(() => ({}));
  for (const { id, width, height } of nodes) graph.setNode(id, { width, height });
  for (const { from, to, name } of edges) graph.setEdge(from, to, {}, name);
  dagre.layout(graph);
  const { width, height } = graph.graph();
  return {
    width, height,
    nodes: nodes.map(n => ({ ...n, ...graph.node(n.id) })),
    edges: edges.map(e => ({ ...e, points: graph.edge(e.from, e.to, e.name).points })),
  };
}
