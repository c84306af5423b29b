/** The report's style sheet: system fonts, light and dark by the reader's preference, one column on a phone. */
export const STYLE: string = `
:root{color-scheme:light dark;
--paper:#fdfcf9;--panel:#f4f2ec;--ink:#17202a;--soft:#55606b;--rule:#dedbd2;
--ours:#0a6c74;--train:#7d8590;--wrong:#ad3f0c;--heat-right:10 128 136;--heat-wrong:214 90 24;
--sans:system-ui,-apple-system,"Segoe UI",Roboto,"Helvetica Neue",Arial,sans-serif;
--mono:ui-monospace,SFMono-Regular,Menlo,Consolas,"DejaVu Sans Mono",monospace}
@media (prefers-color-scheme:dark){:root{
--paper:#11161a;--panel:#1a2127;--ink:#e8eaeb;--soft:#a3adb6;--rule:#2d353c;
--ours:#4fc4c1;--train:#8c96a1;--wrong:#f2955a;--heat-right:48 168 166;--heat-wrong:240 122 54}}
*{box-sizing:border-box}
html{background:var(--paper);color:var(--ink);font:16px/1.55 var(--sans);-webkit-text-size-adjust:100%}
body{max-width:68rem;margin:0 auto;padding:clamp(1rem,4vw,3rem) clamp(1rem,4vw,2.5rem) 4rem;overflow-wrap:anywhere}
h1,h2,h3,p,figure,dl,dd,ol,ul{margin:0;padding:0}
ol,ul{list-style:none}
h1{font-size:clamp(1.7rem,4.5vw,2.6rem);line-height:1.15;font-weight:650;letter-spacing:-.02em;text-wrap:balance}
h2{font-size:1.4rem;line-height:1.2;font-weight:650;letter-spacing:-.01em;margin-bottom:.5rem}
h3{font-size:1rem;font-weight:600}
section{margin-top:3.5rem;padding-top:1.5rem;border-top:1px solid var(--rule)}
section.headline{margin-top:2rem;padding-top:0;border:0}
a{color:var(--ours)}
a:focus-visible,summary:focus-visible,.wide:focus-visible{outline:2px solid var(--ours);outline-offset:3px}
img{display:block;max-width:100%;background:#fff;border-radius:4px}
small,.small{font-size:.8125rem;color:var(--soft)}
code,pre{font-family:var(--mono);font-size:.8125rem}
.unseen{position:absolute;width:1px;height:1px;overflow:hidden;clip-path:inset(50%);white-space:nowrap}
.lead{color:var(--soft);max-width:46rem}
.right{color:var(--ours);font-weight:600}
.wrong{color:var(--wrong);font-weight:600}
.brand{display:flex;align-items:center;gap:.55rem;font-weight:650;margin-bottom:1.75rem}
.brand span{font-weight:400;color:var(--soft)}
.mark{width:1.9rem;height:1.9rem;fill:var(--ours);stroke:var(--ours)}
.mark circle{stroke:none}
.mark path{stroke-width:.8}
.summary{margin-top:.75rem;max-width:46rem;font-size:1.0625rem;color:var(--soft)}
nav ul{display:flex;flex-wrap:wrap;gap:.25rem 1.25rem;margin-top:1.25rem}
nav a{display:inline-block;padding:.3rem 0}
.hero{display:grid;grid-template-columns:minmax(14rem,4fr) 9fr;gap:2rem 2.5rem;align-items:center;
padding:clamp(1.25rem,3vw,2.25rem);background:var(--panel);border-radius:12px}
.big{color:var(--soft);max-width:20rem}
.big b{display:block;font-size:clamp(3.75rem,10vw,5.75rem);line-height:1;font-weight:650;letter-spacing:-.045em;
color:var(--ours);font-variant-numeric:tabular-nums;margin-bottom:.6rem}
.big b span{font-size:.45em;letter-spacing:0;font-weight:500}
table{border-collapse:collapse;font-variant-numeric:tabular-nums}
caption{text-align:left;font-size:.875rem;color:var(--soft);padding-bottom:.6rem}
th{font-weight:500;text-align:left}
.ladder{width:100%}
.ladder th{padding:.28rem .9rem .28rem 0;font-size:.9375rem;width:34%;line-height:1.25}
.ladder td{padding:.28rem 0}
.ladder .value{width:4.5rem;text-align:right;white-space:nowrap}
.bar{display:block;height:.8rem;min-width:2px;border-radius:2px;background:var(--train)}
.chance .bar{opacity:.5}
.ours .bar{background:var(--ours)}
.ours th,.ours .value{font-weight:650;color:var(--ours)}
.figures{display:grid;grid-template-columns:repeat(4,1fr);gap:1.25rem 2rem;margin-top:1.75rem}
.figures dt{color:var(--soft);font-size:.875rem}
.figures b{display:block;font-size:1.6rem;line-height:1.25;font-weight:600;letter-spacing:-.02em;font-variant-numeric:tabular-nums}
.figures small{display:block;line-height:1.35}
.wide{overflow-x:auto;margin-top:1.25rem;-webkit-overflow-scrolling:touch}
.numbers{width:100%;font-size:.9375rem}
.numbers th,.numbers td{padding:.45rem .5rem;border-bottom:1px solid var(--rule);text-align:right;white-space:nowrap}
.numbers thead th{color:var(--soft);font-size:.8125rem;border-bottom-color:var(--soft)}
.numbers th:first-child{text-align:left;padding-left:0;white-space:normal;min-width:8rem}
.numbers .all>*{font-weight:650;border-bottom:0}
.splits{margin-top:.75rem}
.numbers .words{text-align:left;white-space:normal;min-width:9rem;padding-left:1.25rem;color:var(--soft)}
.rate .track{display:inline-block;vertical-align:middle;width:clamp(2.5rem,9vw,6.5rem);margin-right:.75rem}
.rate .bar{background:var(--ours)}
.charts{display:grid;grid-template-columns:repeat(2,minmax(0,1fr));gap:2rem 2.25rem;margin-top:1.5rem}
.chart{display:flex;flex-direction:column;justify-content:space-between}
.chart figcaption{margin-bottom:.25rem}
.chart ul{display:flex;flex-wrap:wrap;gap:0 .9rem;font-size:.8125rem;color:var(--soft)}
.chart li b{color:var(--ink);font-weight:600;font-variant-numeric:tabular-nums}
.chart>svg{display:block;width:100%;height:auto;overflow:visible;font:13px var(--sans)}
.key{width:1.25rem;height:.5rem;margin-right:.4rem;overflow:visible}
.chart text{fill:var(--soft);font-variant-numeric:tabular-nums}
.grid{stroke:var(--rule);stroke-width:1;fill:none}
.line{fill:none;stroke-width:2;stroke-linejoin:round;stroke-linecap:round}
.line.train{stroke:var(--train)}
.line.held-out{stroke:var(--ours);stroke-width:2.6}
.line.balanced{stroke:var(--wrong);stroke-dasharray:6 4}
.line.class{stroke:var(--train);stroke-width:1;opacity:.55}
.line.class:hover{stroke:var(--wrong);stroke-width:2;opacity:1}
.level{stroke:var(--soft);stroke-width:1.2;stroke-dasharray:2 4;fill:none}
.band{stroke:none;opacity:.22}
.band.train,.dot.train{fill:var(--train)}
.band.held-out,.dot.held-out{fill:var(--ours)}
.band.balanced,.dot.balanced{fill:var(--wrong)}
.pick rect{fill:transparent;pointer-events:all}
.pick path{stroke:var(--ink);stroke-width:1;opacity:.5}
.pick text{fill:var(--ink);paint-order:stroke;stroke:var(--paper);stroke-width:4px}
.pick path,.pick circle,.pick text{visibility:hidden;pointer-events:none}
.pick:hover path,.pick:hover circle,.pick:hover text{visibility:visible}
.live{padding:clamp(1rem,2.5vw,1.5rem);background:var(--panel);border-radius:12px}
.live .track{margin:.75rem 0;border-radius:3px}
.live .track .bar{height:.7rem;background:var(--ours);border-radius:3px}
.live .figures{margin-top:1rem}
.batches{margin-top:1.25rem;overflow-x:auto}
.batches img{image-rendering:auto;min-width:46rem;width:100%;height:auto;border:1px solid var(--rule)}
.gallery .right .bar{background:var(--ours)}
details{margin-top:1.5rem}
summary{cursor:pointer;color:var(--ours);width:fit-content}
.matrix{font-size:.875rem;border-spacing:2px;border-collapse:separate;table-layout:fixed;width:min(100%,calc(10rem + 5.5rem*var(--classes)));min-width:calc(7rem + 2.6rem*var(--classes))}
.corner{width:10rem}
.matrix thead th{vertical-align:bottom;text-align:center;padding:0 0 .4rem;height:1px}
.matrix thead span{writing-mode:vertical-rl;transform:rotate(180deg);display:inline-block;max-height:11rem;overflow-wrap:normal;text-align:left}
.matrix tbody th{position:sticky;left:0;z-index:1;background:var(--paper);text-align:right;padding-right:.75rem;line-height:1.2}
.matrix tbody td{height:2.6rem;text-align:center;border-radius:3px;background:var(--panel)}
.matrix .right{color:inherit;background:rgb(var(--heat-right)/min(.6,.05 + .9*var(--share)))}
.matrix .wrong{color:inherit;font-weight:400;background:rgb(var(--heat-wrong)/min(.6,.05 + .9*var(--share)))}
.matrix .none{color:var(--soft);font-weight:400}
#confusion h3{margin-top:1.75rem}
.pairs{margin-top:.4rem;columns:2 22rem;column-gap:2.5rem}
.pairs li{padding:.25rem 0;break-inside:avoid}
.pairs b{font-weight:600}
.pairs span{display:block;color:var(--soft);font-size:.875rem}
.gallery{display:grid;grid-template-columns:repeat(auto-fill,minmax(8.25rem,1fr));gap:1.75rem 1.25rem;margin-top:1.5rem}
.gallery img{width:100%;aspect-ratio:1;object-fit:contain;border:1px solid var(--rule)}
.gallery figcaption{display:grid;margin-top:.5rem;font-size:.875rem;line-height:1.3}
.track{display:block;background:var(--rule);border-radius:2px}
.track .bar{height:.3rem}
.gallery .track{margin:.3rem 0 .2rem}
.gallery .bar{background:var(--wrong)}
.file{font-family:var(--mono);font-size:.75rem;color:var(--soft)}
.gallery .file{margin-top:.3rem}
.exhibits{display:grid;grid-template-columns:repeat(auto-fill,minmax(min(100%,30rem),1fr));gap:2.25rem 2.25rem;margin-top:1.5rem}
.views{display:grid;grid-template-columns:repeat(auto-fit,minmax(6.5rem,1fr));gap:.75rem}
.views img{width:100%;aspect-ratio:1;object-fit:contain;border:1px solid var(--rule)}
.views figcaption{font-size:.8125rem;color:var(--soft);margin-top:.35rem;line-height:1.3}
.views code{display:block;font-size:.75rem}
.verdict{margin-top:.5rem;font-size:.9375rem}
.verdict .file{margin-left:.5rem}
.scale{display:inline-flex;align-items:center;gap:.5rem;white-space:nowrap}
.ramp{width:7rem;height:.7rem;border-radius:2px;border:1px solid var(--rule);
background:linear-gradient(90deg,#000004,#180f3e,#451077,#721f81,#9f2f7f,#cd4071,#f1605d,#fd9567,#fec98d,#fcfdbf)}
#run h3{margin-top:1.75rem}
.facts{display:grid;grid-template-columns:fit-content(11rem) 1fr;gap:.35rem 1.5rem;margin-top:.75rem;font-size:.9375rem}
.facts dt{color:var(--soft)}
.facts.commands{grid-template-columns:1fr;gap:.1rem}
.facts.commands dd{margin-bottom:.8rem;color:var(--soft)}
.facts.commands dt code{display:block;padding:.5rem .75rem;background:var(--panel);border-radius:6px;color:var(--ink)}
.pair{display:grid;grid-template-columns:repeat(2,minmax(0,1fr));gap:2rem 3rem}
pre{margin:1rem 0 0;padding:1rem;background:var(--panel);border-radius:8px;overflow:auto;max-height:34rem;line-height:1.5;overflow-wrap:normal}
footer{margin-top:3.5rem;padding-top:1rem;border-top:1px solid var(--rule);font-size:.8125rem;color:var(--soft)}
@media (max-width:46rem){
.hero,.charts,.pair{grid-template-columns:minmax(0,1fr)}
.figures{grid-template-columns:repeat(2,1fr)}
.gallery{grid-template-columns:repeat(auto-fill,minmax(6.75rem,1fr));gap:1.5rem 1rem}
.facts{grid-template-columns:1fr;gap:0}
.facts dd{margin-bottom:.6rem}
.chart>svg{font-size:15px}
.matrix tbody th{padding-right:.5rem;font-size:.8125rem}
.corner{width:7rem}
.pair{gap:1rem}
}
@media print{body{max-width:none;padding:0}section,li,figure{break-inside:avoid}nav{display:none}pre{max-height:none;white-space:pre-wrap}}
`;
