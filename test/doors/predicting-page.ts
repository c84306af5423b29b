/** A page that predicts: what its bundle holds is measured. */
import { loadModel } from 'farsight/web/predict';

const model = await loadModel('model.onnx');
const [prediction] = await model.predict(document.querySelector('img')!, 1);
document.body.append(prediction?.classes[0]?.name ?? 'nothing');
