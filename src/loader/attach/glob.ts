/** `*` any characters, `?` one of them; time grows with the product of the lengths at most. */
export function globMatcher(pattern: string): (text: string) => boolean {
  return (text) => {
    let [p, t] = [0, 0];
    let star = -1;
    let mark = 0;
    while (t < text.length) {
      if (pattern[p] === '*') {
        star = p++;
        mark = t;
      } else if (p < pattern.length && (pattern[p] === '?' || pattern[p] === text[t])) {
        p++;
        t++;
      } else if (star >= 0) {
        p = star + 1;
        t = ++mark;
      } else return false;
    }
    while (pattern[p] === '*') p++;
    return p === pattern.length;
  };
}
