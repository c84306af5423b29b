import { type ClassifyResult, classMeter } from '../../src/result/classify.ts';
import type { MetricsRow, ReportData } from '../../src/result/report.ts';

/** A picture, as far as a report looks at it. */
export const PNG: string = 'data:image/png;base64,iVBORw0KGgo=';

/** Scores of images with these labels that were given these answers. */
export function scores(labels: readonly number[], answers: readonly number[], classes = 3): ClassifyResult {
  const meter = classMeter({ classes });
  const logits = Float32Array.from(
    answers.flatMap((a) => Array.from({ length: classes }, (_, c) => (c === a ? 2 : 0))),
  );
  meter.add(logits, labels);
  return meter.result();
}

/** A loss that falls by one each epoch. */
export const METRICS: readonly MetricsRow[] = [0, 1, 2, 3, 4].map((epoch) => ({
  epoch,
  step: epoch * 10,
  loss: 4 - epoch,
}));

/** Ten images: five of six cats, two of three dogs, no bird of one is recognised. */
export const DATA: ReportData = {
  title: 'A run',
  summary: 'A small network.',
  classes: ['cat', 'dog', 'bird'],
  heldOut: scores([0, 0, 0, 0, 0, 0, 1, 1, 1, 2], [0, 0, 0, 0, 0, 1, 1, 1, 0, 0]),
  splits: [{ name: 'never seen', result: scores([0, 1], [0, 0]) }],
  references: [{ name: 'pixels', balancedAccuracy: 0.375 }],
  metrics: METRICS,
  mistakes: [{ image: PNG, name: 'a.png', label: 2, predicted: 0, confidence: 0.812 }],
  attention: [
    {
      image: PNG,
      label: 0,
      predicted: 0,
      confidence: 0.9,
      maps: [{ tap: 'layer3.context/attention', overlay: PNG, note: 'reads 31 % of positions' }],
    },
  ],
  configuration: { seed: 7, network: { kind: 'resnet' } },
  machine: [{ name: 'node', value: '20.20.0' }],
  files: [{ name: 'model.onnx', value: 'the network' }],
  next: [{ name: 'npx farsight predict', value: 'tries it' }],
};

/** The page's text without tags, with plain spaces. */
export const textOf = (html: string): string =>
  html
    .replace(/<style>.*?<\/style>/s, '')
    .replace(/<[^>]*>/g, ' ')
    .replace(/[\s\u00A0]+/g, ' ');
