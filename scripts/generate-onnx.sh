#!/bin/sh
# Writes src/engine/onnx_pb.ts from src/engine/onnx.proto. Needed only when the .proto changes.
# Needs protoc (Debian: protobuf-compiler) and Node 22 or newer for the generator.
set -eu
cd "$(dirname "$0")/.."
tools=$(mktemp -d)
npm install --prefix "$tools" --silent @bufbuild/protoc-gen-es@2.17.0
protoc --plugin=protoc-gen-es="$tools/node_modules/.bin/protoc-gen-es" \
  --es_out=src/engine --es_opt=target=ts,import_extension=none -I src/engine src/engine/onnx.proto
rm -rf "$tools"
