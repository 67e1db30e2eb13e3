//! The report as charts, in SVG.

use std::{fs, path::Path};

use plotters::{
    coord::{Shift, ranged1d::ValueFormatter},
    prelude::*,
};

use super::{Axis, AxisScale, Chart, Quantity, Report, Series, Unit};
use crate::Result;

const WIDTH: u32 = 960;
const HEIGHT: u32 = 540;
/// Right of the chart, so that no legend hides a line.
const LEGEND_WIDTH: u32 = 250;
const FONT: &str = "sans-serif";

/// The palette of Okabe and Ito, which people with any kind of colour vision can tell apart.
const COLOURS: [RGBColor; 7] = [
    RGBColor(0, 114, 178),
    RGBColor(213, 94, 0),
    RGBColor(0, 158, 115),
    RGBColor(204, 121, 167),
    RGBColor(86, 180, 233),
    RGBColor(230, 159, 0),
    RGBColor(60, 60, 60),
];

/// Writes each chart of the report that has points into its file in this folder, and returns how many.
pub(crate) fn draw(report: &Report, folder: &Path) -> Result<usize> {
    fs::create_dir_all(folder)?;
    let mut drawn = 0;
    for chart in report.sections.iter().flat_map(|section| &section.charts) {
        if chart.series.iter().any(|series| !series.points.is_empty()) {
            fs::write(folder.join(format!("{}.svg", chart.name)), svg(chart)?)?;
            drawn += 1;
        }
    }
    Ok(drawn)
}

fn svg(chart: &Chart) -> Result<String> {
    let mut text = String::new();
    {
        let root = SVGBackend::with_string(&mut text, (WIDTH, HEIGHT)).into_drawing_area();
        root.fill(&WHITE)?;
        let (plot, legend) = root.split_horizontally(WIDTH - LEGEND_WIDTH);
        draw_lines(chart, &plot)?;
        draw_legend(chart, &legend)?;
        root.present()?;
    }
    Ok(text)
}

type Area<'a> = DrawingArea<SVGBackend<'a>, Shift>;

fn draw_lines(chart: &Chart, area: &Area<'_>) -> Result<()> {
    let points = || chart.series.iter().flat_map(|series| &series.points);
    let x = Bounds::of(points().map(|(x, _)| *x));
    let y = Bounds::of(points().map(|(_, y)| *y)).to_powers();
    let y = (y.least..y.most).log_scale();
    let mut builder = ChartBuilder::on(area);
    builder
        .caption(&chart.title, (FONT, 20))
        .margin(12)
        .x_label_area_size(46)
        .y_label_area_size(86);
    match chart.x.scale {
        AxisScale::Linear => fill(chart, builder.build_cartesian_2d(0.0..x.most * 1.1, y)?),
        AxisScale::Log2 | AxisScale::Log10 => {
            let base = if chart.x.scale == AxisScale::Log2 {
                2.0
            } else {
                10.0
            };
            let x = x.widened();
            fill(
                chart,
                builder.build_cartesian_2d((x.least..x.most).log_scale().base(base), y)?,
            )
        }
    }
}

fn fill<X, Y>(chart: &Chart, mut context: ChartContext<'_, SVGBackend<'_>, Cartesian2d<X, Y>>) -> Result<()>
where
    X: Ranged<ValueType = f64> + ValueFormatter<f64>,
    Y: Ranged<ValueType = f64> + ValueFormatter<f64>,
{
    context
        .configure_mesh()
        .x_desc(&chart.x.label)
        .y_desc(&chart.y.label)
        .x_labels(12)
        .y_labels(10)
        .x_label_formatter(&|value| chart.x.text(*value))
        .y_label_formatter(&|value| chart.y.text(*value))
        .label_style((FONT, 14))
        .axis_desc_style((FONT, 15))
        .bold_line_style(BLACK.mix(0.2))
        .light_line_style(BLACK.mix(0.05))
        .draw()?;
    for (series, colour) in coloured(chart) {
        context.draw_series(LineSeries::new(
            series.points.iter().copied(),
            colour.stroke_width(2),
        ))?;
        let dots = series
            .points
            .iter()
            .map(|at| Circle::new(*at, 4, colour.filled()));
        context.draw_series(dots)?;
    }
    Ok(())
}

fn draw_legend(chart: &Chart, area: &Area<'_>) -> Result<()> {
    for ((series, colour), row) in coloured(chart).zip(0..) {
        let y = 60 + 26 * row;
        area.draw(&PathElement::new([(6, y), (34, y)], colour.stroke_width(2)))?;
        area.draw(&Circle::new((20, y), 4, colour.filled()))?;
        area.draw(&Text::new(series.name.clone(), (42, y - 7), (FONT, 15)))?;
    }
    Ok(())
}

fn coloured(chart: &Chart) -> impl Iterator<Item = (&Series, RGBColor)> {
    chart.series.iter().zip(COLOURS.into_iter().cycle())
}

impl Axis {
    fn text(&self, value: f64) -> String {
        // Of a rate the label says it.
        let unit = if self.unit == Unit::PerSecond {
            Unit::Times
        } else {
            self.unit
        };
        Quantity(value, unit).plain()
    }
}

/// Between which values an axis goes.
#[derive(Clone, Copy)]
struct Bounds {
    least: f64,
    most: f64,
}

impl Bounds {
    fn of(values: impl Iterator<Item = f64>) -> Self {
        let empty = Self {
            least: f64::MAX,
            most: f64::MIN_POSITIVE,
        };
        values
            .filter(|value| *value > 0.0)
            .fold(empty, |bounds, value| Self {
                least: bounds.least.min(value),
                most: bounds.most.max(value),
            })
    }

    /// With a little room, so that no point lies on the frame.
    fn widened(self) -> Self {
        Self {
            least: self.least / 1.15,
            most: self.most * 1.15,
        }
    }

    /// Up to the next powers of ten.
    fn to_powers(self) -> Self {
        Self {
            // A little beyond, or a rounded logarithm leaves the first and the last label out.
            least: 10_f64.powf(self.least.log10().floor()) / 1.001,
            most: 10_f64.powf(self.most.log10().ceil()) * 1.05,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_chart_names_its_axes_with_their_ends_and_each_of_its_lines() {
        for scale in [AxisScale::Linear, AxisScale::Log2, AxisScale::Log10] {
            let chart = Chart {
                name: "test".to_owned(),
                title: "What it costs".to_owned(),
                x: Axis::new("callers", Unit::Times, scale),
                y: Axis::new("time a token", Unit::Seconds, AxisScale::Log10),
                series: ["SQLite", "sled"]
                    .map(|name| Series {
                        name: name.to_owned(),
                        points: vec![(1.0, 0.002), (64.0, 0.03)],
                    })
                    .into(),
            };
            let svg = svg(&chart).unwrap();
            for text in [
                "What it costs",
                "callers",
                "time a token",
                "SQLite",
                "sled",
                "1 ms",
                "100 ms",
            ] {
                assert!(svg.contains(&format!("\n{text}\n")), "{text} is not in {svg}");
            }
        }
    }
}
