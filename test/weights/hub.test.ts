import { describe, expect, it } from 'vitest';
import { chooseWeightsFile, parseHubReference, showHubReference } from '../../src/weights/hub.ts';

describe('a reference to the hub', () => {
  it('has a repository, and perhaps a file and a revision', () => {
    const read = (text: string) => Object.values(parseHubReference(text) ?? {});
    expect(read('hf:timm/gcresnet50t.ra2_in1k')).toEqual(['timm/gcresnet50t.ra2_in1k', null, null]);
    expect(read('hf:a/b/sub/model.safetensors')).toEqual(['a/b', 'sub/model.safetensors', null]);
    expect(read('hf:a/b@refs/pr/1')).toEqual(['a/b', null, 'refs/pr/1']);
    expect(read('hf:a/b/x@y.bin@v1.0')).toEqual(['a/b', 'x@y.bin', 'v1.0']);
  });

  it('is a path where it does not begin with hf:', () => {
    expect(parseHubReference('weights/resnet50.pth')).toBeNull();
  });

  it('reads what it shows', () => {
    const text = 'hf:a/b/c.bin@main';
    expect(showHubReference(parseHubReference(text)!)).toBe(text);
  });

  it.each([
    'hf:',
    'hf:resnet50',
    'hf:a/..',
    'hf:../b',
    'hf:a b/c',
    'hf:a/b@',
    'hf:a/b@../x',
    'hf:a/b@x y',
    'hf:a--b/c',
    `hf:a/${'b'.repeat(97)}`,
  ])('%s is refused', (text) => {
    expect(() => parseHubReference(text)).toThrow('expected hf:OWNER/NAME');
  });

  it.each(['hf:a/b/../c', 'hf:a/b//c', 'hf:a/b/c\\d', 'hf:a/b/C:x', 'hf:a/b/x\u0000', 'hf:a/b/'])(
    '%j leads outside',
    (text) => {
      expect(() => parseHubReference(text)).toThrow('a file inside the repository');
    },
  );
});

describe('the file of weights', () => {
  it('is safetensors before anything else', () => {
    expect(chooseWeightsFile(['pytorch_model.bin', 'README.md', 'model.safetensors'], 'hf:a/b')).toBe(
      'model.safetensors',
    );
  });

  it('is the only one at the top where its name is not the usual', () => {
    expect(chooseWeightsFile(['gcnet.pth', 'onnx/model.bin', 'config.json'], 'hf:a/b')).toBe('gcnet.pth');
    expect(chooseWeightsFile(['a.pth', 'b.safetensors'], 'hf:a/b')).toBe('b.safetensors');
  });

  it('has to be named where there are several', () => {
    expect(() => chooseWeightsFile(['b.pth', 'a.pth'], 'hf:a/b')).toThrow('got a.pth, b.pth. Name one: hf:a/b/a.pth.');
    expect(() => chooseWeightsFile(['README.md'], 'hf:a/b')).toThrow('expected one file of weights, got none');
  });
});
