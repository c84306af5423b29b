/** The import rules between rooms (docs/architecture.md): which room may know which. */
const ROOMS = {
  core: [],
  data: ['core'],
  weights: ['core'],
  result: ['core'],
  graph: ['core'],
  model: ['core', 'graph'],
  engine: ['core', 'graph'],
  train: ['core', 'data', 'weights', 'result', 'graph', 'model', 'engine'],
  golden: ['core', 'data', 'weights', 'result', 'graph', 'model', 'engine', 'train'],
  runtime: ['core', 'data', 'weights', 'engine'],
};

const DOORS = '^src/(index|node|web|web-predict)\\.ts$';

/** A room imports itself, the rooms it may know, and packages. */
const rooms = Object.entries(ROOMS).map(([room, known]) => ({
  name: `${room}-knows-${known.join('-') || 'nothing'}`,
  severity: 'error',
  from: { path: `^src/${room}/` },
  to: { path: '^(src|test|bench|scripts|examples|studio)/', pathNot: `^src/(${[room, ...known].join('|')})/` },
}));

module.exports = {
  forbidden: [
    ...rooms,
    {
      name: 'cli-and-studio-use-doors',
      severity: 'error',
      from: { path: '^(src/cli|studio)/' },
      to: { path: '^src/', pathNot: [DOORS, '^src/cli/'] },
    },
    {
      name: 'examples-use-doors',
      severity: 'error',
      from: { path: '^examples/' },
      to: { path: '^src/', pathNot: DOORS },
    },
    {
      name: 'index-is-for-anywhere',
      comment: 'the index never reaches a runtime, the command line or another door',
      severity: 'error',
      from: { path: '^src/index\\.ts$' },
      to: { path: '^src/(runtime|cli|node\\.ts|web\\.ts|web-predict\\.ts|web-models\\.ts)' },
    },
    {
      name: 'doors-know-their-own-runtime',
      severity: 'error',
      from: { path: '^src/(web|web-predict|web-models)\\.ts$' },
      to: { path: '^src/(runtime/node|cli|node\\.ts)' },
    },
    {
      name: 'web-runtime-stays-in-the-browser',
      severity: 'error',
      from: { path: '^src/runtime/(web/|ort\\.ts)' },
      to: { path: '^src/runtime/node/' },
    },
    {
      name: 'only-node-runtime-uses-node',
      comment: 'Node, sharp, threads and native ONNX Runtime are for runtime/node; the command line may use node:*',
      severity: 'error',
      from: { path: '^src/', pathNot: '^src/(runtime/node|cli)/' },
      to: { dependencyTypes: ['core'] },
    },
    {
      name: 'only-runtime-uses-engines',
      severity: 'error',
      from: { path: '^src/', pathNot: '^src/runtime/' },
      to: { path: 'node_modules/(onnxruntime-|sharp|tinypool)' },
    },
    {
      name: 'browser-uses-no-native-package',
      severity: 'error',
      from: { path: '^src/', pathNot: '^src/runtime/node/' },
      to: { path: 'node_modules/(onnxruntime-node|sharp|tinypool)' },
    },
    {
      name: 'declared-packages-only',
      severity: 'error',
      from: { path: '^src/' },
      to: { dependencyTypes: ['npm-dev', 'npm-no-pkg', 'npm-unknown'], pathNot: 'onnxruntime-common' },
    },
    { name: 'resolvable', severity: 'error', from: {}, to: { couldNotResolve: true } },
  ],
  options: {
    doNotFollow: { path: 'node_modules' },
    tsPreCompilationDeps: true,
    tsConfig: { fileName: 'tsconfig.json' },
    enhancedResolveOptions: { exportsFields: ['exports'], conditionNames: ['import', 'node', 'default', 'types'] },
  },
};
