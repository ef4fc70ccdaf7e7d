using System.Globalization;
using System.Net;
using System.Text;

namespace StreamRnn.Trainer.Pictures;

/// <summary>A picture as one SVG element without script, style sheet or embedded font, readable on light and dark ground.</summary>
public abstract record Chart(string Title)
{
    protected const double Width = 760;

    /// <summary>Horizontal bounds of the plot; the same in every chart, so that charts align when stacked.</summary>
    protected const double Left = 70, Right = 20, PlotWidth = Width - Left - Right;

    public double Height { get; init; } = 400;

    /// <summary>The chart as text: an svg element with its namespace.</summary>
    public string Svg()
    {
        var svg = new StringBuilder();
        Append(svg, $"<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {Width} {Height}\" width=\"100%\" role=\"img\" font-family=\"system-ui, sans-serif\" font-size=\"12\" fill=\"#777\">\n");
        Append(svg, $"<title>{Escape(Title)}</title>\n");
        DrawWithTitle(svg);
        return svg.Append("</svg>").ToString();
    }

    internal void DrawWithTitle(StringBuilder svg)
    {
        Append(svg, $"<text x=\"{Left}\" y=\"22\" font-size=\"15\" font-weight=\"600\">{Escape(Title)}</text>\n");
        Draw(svg);
    }

    /// <summary>Draws the content below the title, within <see cref="Width"/> and <see cref="Height"/>.</summary>
    protected abstract void Draw(StringBuilder svg);

    /// <summary>Round numbers within the range: 1, 2 or 5 times a power of ten apart.</summary>
    protected static IEnumerable<(double, string)> Ticks(double from, double to, int most)
    {
        double rough = (to - from) / most;
        double power = Math.Pow(10, Math.Floor(Math.Log10(rough)));
        double step = power * (rough / power) switch { <= 1 => 1, <= 2 => 2, <= 5 => 5, _ => 10 };
        for (double tick = Math.Ceiling(from / step); tick * step <= to; tick++)
            yield return (tick * step, Label(tick * step));
    }

    protected static string Label(double number) => number == 0 ? "0" : number.ToString("G5", CultureInfo.InvariantCulture);

    protected static string Escape(string text) => WebUtility.HtmlEncode(text);

    protected static void Append(StringBuilder text, FormattableString formatted) => text.Append(formatted.ToString(CultureInfo.InvariantCulture));
}

/// <summary>Charts one below the other, in one SVG element, below some lines of text.</summary>
public sealed record ChartStack : Chart
{
    private const double TitleHeight = 34, LineHeight = 15;

    private readonly IReadOnlyList<string> _caption;
    private readonly IReadOnlyList<Chart> _charts;

    public ChartStack(string title, IReadOnlyList<string> caption, IReadOnlyList<Chart> charts) : base(title) =>
        (_caption, _charts, Height) = (caption, charts, TitleHeight + (LineHeight * caption.Count) + charts.Sum(chart => chart.Height));

    protected override void Draw(StringBuilder svg)
    {
        for (int line = 0; line < _caption.Count; line++)
            Append(svg, $"<text x=\"{Left}\" y=\"{TitleHeight + 6 + (LineHeight * line)}\" font-size=\"11\">{Escape(_caption[line])}</text>\n");
        double down = TitleHeight + (LineHeight * _caption.Count);
        foreach (Chart chart in _charts)
        {
            Append(svg, $"<g transform=\"translate(0 {down})\">\n");
            chart.DrawWithTitle(svg);
            svg.Append("</g>\n");
            down += chart.Height;
        }
    }
}
