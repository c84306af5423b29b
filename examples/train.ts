/** Trains a small context network on a folder of pictures and asks it about one of them. */
import { loadModel, train } from 'farsight/node';

const [folder = 'photos', picture = 'photos/cats/1.jpg', run = 'runs/example'] = process.argv.slice(2);

const result = await train(
  { data: { folder, size: 32, batchSize: 16 }, model: { name: 'resnet14-gc' }, epochs: 3 },
  { folder: run, onEvent: (event) => event.kind === 'evaluation' && console.log(`epoch ${event.epoch}`) },
);
console.log(`balanced accuracy ${result.evaluation?.result.balancedAccuracy.toFixed(3)}`);

const model = await loadModel(run);
const [prediction] = await model.predict([picture], 1);
console.log(`${picture}: ${prediction?.classes[0]?.name}`);
await model.release();
