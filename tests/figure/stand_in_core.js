// Stands in for Live2D's Cubism Core in tests: the same names by which it is called, and models that are squares.
// A "moc" is JSON: parameters, and drawables of one square each. ParamMouthOpenY makes the first square higher.
window.Live2DCubismCore = {
  Moc: {
    fromArrayBuffer(bytes) {
      try {
        const told = JSON.parse(new TextDecoder().decode(bytes));
        return { told, _release() { window.released = (window.released ?? 0) + 1; } };
      } catch {
        return null;
      }
    },
  },
  Model: {
    fromMoc({ told }) {
      const all = (value) => told.drawables.map(() => value);
      const square = ({ x, y, size }, more = 0) =>
        new Float32Array([x - size, y - size, x + size, y - size, x + size, y + size + more, x - size, y + size + more]);
      const ids = told.parameters.map((each) => each.id);
      const of = (name) => new Float32Array(told.parameters.map((each) => each[name]));
      const model = {
        parameters: { count: ids.length, ids, values: of("value"), defaultValues: of("value"), minimumValues: of("low"), maximumValues: of("high") },
        canvasinfo: { CanvasWidth: 2, CanvasHeight: 2, CanvasOriginX: 1, CanvasOriginY: 1, PixelsPerUnit: 1 },
        drawables: {
          count: told.drawables.length,
          ids: told.drawables.map((_, at) => `D${at}`),
          constantFlags: new Uint8Array(told.drawables.map((each) => each.flags ?? 0)),
          dynamicFlags: new Uint8Array(told.drawables.map((each) => (each.hidden ? 0 : 1))),
          textureIndices: new Int32Array(told.drawables.map((each) => each.texture)),
          renderOrders: new Int32Array(told.drawables.map((each) => each.order)),
          opacities: new Float32Array(told.drawables.map((each) => each.opacity ?? 1)),
          maskCounts: new Int32Array(told.drawables.map((each) => each.masks?.length ?? 0)),
          masks: told.drawables.map((each) => new Int32Array(each.masks ?? [])),
          vertexPositions: told.drawables.map((each) => square(each)),
          vertexUvs: all(new Float32Array([0, 0, 1, 0, 1, 1, 0, 1])),
          indices: all(new Uint16Array([0, 1, 2, 0, 2, 3])),
          resetDynamicFlags() {},
        },
        update() {
          const open = model.parameters.values[ids.indexOf("ParamMouthOpenY")] ?? 0;
          model.drawables.vertexPositions[0].set(square(told.drawables[0], open * 0.4));
        },
        release() { window.released = (window.released ?? 0) + 1; },
      };
      return model;
    },
  },
};
