/** PSNR of pixels as canvases have them. */

/** PSNR in dB over red, green and blue of two images of one size, as pixels of red, green, blue and
 * alpha; Infinity for equal ones. */
export function psnr(a: ArrayLike<number>, b: ArrayLike<number>): number {
  let sum = 0;
  for (let i = 0; i < a.length; i += 4) {
    for (let c = 0; c < 3; c++) sum += (a[i + c]! - b[i + c]!) ** 2;
  }
  return 10 * Math.log10((255 ** 2 * 3 * (a.length / 4)) / sum);
}
