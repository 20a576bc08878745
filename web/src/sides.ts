/** Sizes that a canvas can have. */

/** Most rows or columns of a canvas, in all browsers. */
export const CANVAS_SIDE = 16384;

/** A size in pixels. */
export interface Size {
  readonly width: number;
  readonly height: number;
}

/** The size in proportion with no side longer than `most`. */
export function within({ width, height }: Size, most: number): Size {
  const scale = Math.min(1, most / Math.max(width, height));
  return { width: Math.max(1, Math.round(width * scale)), height: Math.max(1, Math.round(height * scale)) };
}
