// What the page looks like. Evaluated by the test through DevTools, which the page's policy does not concern.
(() => {
  const parse = text => {
    const [r, g, b, a = 1] = (text.match(/[\d.]+/g) ?? [0, 0, 0, 0]).map(Number);
    return {r, g, b, a};
  };
  const over = (top, under) => {
    const mix = channel => top[channel] * top.a + under[channel] * (1 - top.a);
    return {r: mix('r'), g: mix('g'), b: mix('b'), a: 1};
  };
  // Relative luminance and contrast ratio: WCAG 2.2.
  const luminance = ({r, g, b}) => {
    const linear = channel => {
      const c = channel / 255;
      return c <= 0.04045 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4;
    };
    return 0.2126 * linear(r) + 0.7152 * linear(g) + 0.0722 * linear(b);
  };
  const contrast = (one, other) => {
    const [dark, light] = [luminance(one), luminance(other)].sort((a, b) => a - b);
    return (light + 0.05) / (dark + 0.05);
  };
  const background = element => {
    const layers = [];
    for (let e = element; e; e = e.parentElement) {
      const layer = parse(getComputedStyle(e).backgroundColor);
      if (layer.a > 0) layers.push(layer);
      if (layer.a === 1) break;
    }
    return layers.reduceRight((under, layer) => over(layer, under), {r: 255, g: 255, b: 255, a: 1});
  };
  const hidden = element => element.closest('caption, title, style, script, noscript') !== null;

  const faint = [];
  const texts = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  while (texts.nextNode()) {
    const element = texts.currentNode.parentElement;
    const text = texts.currentNode.data.trim();
    if (text === '' || hidden(element)) continue;
    const style = getComputedStyle(element);
    const size = parseFloat(style.fontSize);
    const large = size >= 24 || (size >= 18.66 && style.fontWeight >= 700);
    const under = background(element);
    const ratio = contrast(over(parse(style.color), under), under);
    if (ratio < (large ? 3 : 4.5)) faint.push(`${text}: ${ratio.toFixed(2)}`);
  }
  for (const rect of document.querySelectorAll('rect:not(.left, .gap, .track)')) {
    const under = background(rect.closest('section'));
    const ratio = contrast(parse(getComputedStyle(rect).fill), under);
    if (ratio < 3) faint.push(`${rect.outerHTML}: ${ratio.toFixed(2)}`);
  }

  const overflowing = [...document.querySelectorAll('body *')]
    .filter(element => !hidden(element) && !element.closest('.scroll *'))
    .filter(element => {
      const {left, right} = element.getBoundingClientRect();
      const spills = getComputedStyle(element).overflowX === 'visible' && element.scrollWidth > element.clientWidth + 1;
      return left < -0.5 || right > innerWidth + 0.5 || (spills && element.clientWidth > 0);
    })
    .map(element => element.outerHTML.slice(0, 200));
  if (document.documentElement.scrollWidth > innerWidth) overflowing.push('the document');

  const line = element => element.innerText.replace(/\s+/g, ' ').trim();
  const all = selector => [...document.querySelectorAll(selector)];
  const rows = table => [...table.rows].slice(1).map(row => [...row.cells].map(line).join(' | '));
  const tables = all('main table');
  const operations = document.querySelector('section[aria-labelledby=operations] table');
  return {
    title: document.title,
    language: document.documentElement.lang,
    header: all('header > *').map(line).join('\n'),
    notes: all('.note').map(line),
    today: all('.figure, .sum, .reset').map(line).join('\n'),
    parts: tables[0] ? rows(tables[0]) : [],
    operations: operations ? rows(operations) : [],
    scripts: document.scripts.length,
    fetched: performance.getEntriesByType('resource').map(entry => entry.name),
    overflowing,
    scrolling: all('.scroll').filter(element => element.scrollWidth > element.clientWidth + 1).length,
    faint,
    isDark: luminance(background(document.body)) < 0.5,
  };
})()
