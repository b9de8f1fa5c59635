"""How a report looks, on screens and on paper; nothing is fetched from anywhere."""

from __future__ import annotations

from pipeline.report.drawing import BLUE, DIM, FAMILY, GREEN, INK, ORANGE, RED, STYLE

PAGE = f"""
:root {{ color-scheme: light }}
* {{ box-sizing: border-box }}
body {{ margin: 0; background: #eef1f5; color: {INK}; font: 15px/1.5 {FAMILY} }}
main {{ max-width: 1080px; margin: 0 auto; padding: 0 28px 48px; background: #fff }}
header {{ padding: 34px 0 18px; border-bottom: 3px solid {BLUE} }}
h1 {{ margin: 0; font-size: 27px; line-height: 1.2 }}
h2 {{ margin: 38px 0 6px; font-size: 20px; border-bottom: 1px solid #d6dde5; padding-bottom: 5px }}
h3 {{ margin: 20px 0 4px; font-size: 16px }}
p {{ margin: 6px 0 }}
.lead, .note {{ color: {DIM} }}
.note {{ font-size: 13px; max-width: 76ch }}
nav {{ margin: 14px 0 0; font-size: 13px; display: flex; flex-wrap: wrap; gap: 2px 16px }}
a {{ color: {BLUE}; text-decoration: none }}
a:hover {{ text-decoration: underline }}
svg {{ display: block; max-width: 100%; height: auto }}
.tiles {{ display: grid; grid-template-columns: repeat(auto-fit, minmax(150px, 1fr)); gap: 12px; margin: 16px 0 }}
.tile {{ border: 1px solid #d6dde5; border-radius: 6px; padding: 10px 14px }}
.tile b {{ display: block; font-size: 24px; line-height: 1.2 }}
.tile span {{ color: {DIM}; font-size: 13px }}
.stories {{ display: grid; gap: 12px; margin: 14px 0 }}
.story {{ border: 1px solid #d6dde5; border-left: 5px solid {RED}; border-radius: 6px; padding: 10px 16px }}
.story.recipe, .story.model {{ border-left-color: {BLUE} }}
.story.drift, .story.trend, .story.change {{ border-left-color: {ORANGE} }}
.story h3 {{ margin: 0 0 2px }}
.story ul {{ margin: 4px 0 2px; padding-left: 19px }}
.quiet {{ border-left: 5px solid {GREEN}; background: #f1f8f3; padding: 10px 16px; border-radius: 6px }}
.scroll {{ overflow-x: auto }}
table {{ border-collapse: collapse; font-size: 13.5px; margin: 8px 0; width: 100% }}
th, td {{ padding: 4px 10px 4px 0; text-align: left }}
th {{ font-weight: 600; color: {DIM}; border-bottom: 1px solid #b9c3ce; vertical-align: bottom }}
td {{ border-bottom: 1px solid #e9edf2; vertical-align: middle }}
th.n, td.n {{ text-align: right; font-variant-numeric: tabular-nums; white-space: nowrap }}
tr.sure td {{ color: {RED}; font-weight: 600 }}
.maps {{ display: grid; grid-template-columns: repeat(auto-fit, minmax(250px, 1fr)); gap: 22px; margin: 12px 0 }}
figure {{ margin: 14px 0 20px; break-inside: avoid }}
figcaption {{ font-size: 13px; color: {DIM}; max-width: 86ch }}
figcaption ul {{ margin: 2px 0; padding-left: 19px }}
{STYLE}
@media (max-width: 700px) {{ main {{ padding: 0 14px 32px }} }}
@media print {{
  @page {{ size: A4; margin: 14mm }}
  body {{ background: #fff; font-size: 11pt }}
  main {{ max-width: none; padding: 0 }}
  nav {{ display: none }}
  h2 {{ break-after: avoid }}
  section.own {{ break-before: page }}
  table, figure, .tile, .story {{ break-inside: avoid }}
  tr {{ break-inside: avoid }}
  * {{ print-color-adjust: exact; -webkit-print-color-adjust: exact }}
}}
"""
