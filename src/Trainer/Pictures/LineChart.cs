using System.Text;

namespace StreamRnn.Trainer.Pictures;

/// <summary>A line of a chart. A point that is no number, or not above 0 on a logarithmic scale, breaks it.</summary>
/// <param name="X">As many as <paramref name="Y"/>, rising.</param>
/// <param name="Dashed">For what the other lines are compared with.</param>
public sealed record ChartLine(string Name, IReadOnlyList<double> X, IReadOnlyList<double> Y, bool Dashed = false)
{
    /// <summary>A line over 0, 1, 2, ...</summary>
    public ChartLine(string name, IReadOnlyList<double> y, bool dashed = false)
        : this(name, [.. Enumerable.Range(0, y.Count).Select(x => (double)x)], y, dashed)
    {
    }

    public double Width { get; init; } = 1.8;
}

/// <summary>A chart of lines.</summary>
public sealed record LineChart(string Title, string XLabel, string YLabel, IReadOnlyList<ChartLine> Lines) : Chart(Title)
{
    private const int MostDecades = 16;   // of a logarithmic scale, below the largest value; what is smaller is not drawn

    /// <summary>Colours that people with red-green colour blindness can distinguish (Okabe and Ito).</summary>
    private static readonly string[] Colours = ["#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9"];

    public bool IsLogarithmic { get; init; }

    /// <summary>Draws the lines' names above them.</summary>
    public bool HasLegend { get; init; } = true;

    /// <summary>X is in seconds since 1970 UTC.</summary>
    public bool IsTimed { get; init; }

    /// <summary>Position of a vertical line; null draws none.</summary>
    public double? MarkedX { get; init; }

    /// <summary>Label beside the line.</summary>
    public string Mark { get; init; } = "";

    /// <summary>Range of X; the range of the lines if null.</summary>
    public (double From, double To)? XRange { get; init; }

    /// <summary>The same for Y, before any logarithm.</summary>
    public (double From, double To)? YRange { get; init; }

    private double Top => HasLegend ? 64 : 36;

    private double Bottom => XLabel.Length > 0 ? 52 : 28;

    protected override void Draw(StringBuilder svg)
    {
        (double x0, double x1) = XRange ?? Range(Lines.SelectMany(line => line.X));
        (double y0, double y1) = Vertical();
        if (HasLegend)
            Legend(svg);
        foreach ((double tick, string label) in IsTimed ? TimeTicks.Between(x0, x1) : Ticks(x0, x1, 8))
            Append(svg, $"<text x=\"{Across(tick)}\" y=\"{Height - Bottom + 18}\" text-anchor=\"middle\">{label}</text>\n");
        foreach ((double tick, string label) in IsLogarithmic ? LogarithmicTicks(y0, y1) : Ticks(y0, y1, Math.Min(6, (int)((Height - Top - Bottom) / 25))))
        {
            Append(svg, $"<path d=\"M{Left} {Down(tick)}H{Width - Right}\" stroke=\"#8884\"/><text x=\"{Left - 8}\" y=\"{Down(tick) + 4}\" text-anchor=\"end\">{label}</text>\n");
        }

        Append(svg, $"<text x=\"{(Left + Width - Right) / 2}\" y=\"{Height - 12}\" text-anchor=\"middle\">{Escape(XLabel)}</text>\n");
        Append(svg, $"<text transform=\"translate(16 {(Top + Height - Bottom) / 2}) rotate(-90)\" text-anchor=\"middle\">{Escape(YLabel)}</text>\n");
        for (int i = 0; i < Lines.Count; i++)
            Append(svg, $"<path d=\"{Path(Lines[i])}\" fill=\"none\" stroke=\"{Colours[i % Colours.Length]}\" stroke-width=\"{Lines[i].Width}\" stroke-linejoin=\"round\" stroke-linecap=\"round\"{Dashes(Lines[i])}/>\n");
        if (MarkedX is double marked)
            Append(svg, $"<path d=\"M{Across(marked)} {Top}V{Height - Bottom}\" stroke=\"#888\" stroke-dasharray=\"2 3\"/><text x=\"{Across(marked)}\" y=\"{Top - 4}\" text-anchor=\"middle\">{Escape(Mark)}</text>\n");

        double Across(double x) => Left + (x - x0) / (x1 - x0) * PlotWidth;

        double Down(double y) => Height - Bottom - (y - y0) / (y1 - y0) * (Height - Top - Bottom);

        string Path(ChartLine line)
        {
            var path = new StringBuilder();
            bool pen = false;
            for (int i = 0; i < line.Y.Count; i++)
            {
                double y = Scale(line.Y[i]);
                bool drawn = double.IsFinite(y) && y >= y0;
                if (drawn)
                    Append(path, $"{(pen ? 'L' : 'M')}{Across(line.X[i]):0.#} {Down(y):0.#}");
                pen = drawn;
            }

            return path.ToString();
        }
    }

    private void Legend(StringBuilder svg)
    {
        double x = Left;
        for (int i = 0; i < Lines.Count; i++)
        {
            Append(svg, $"<path d=\"M{x} 42h22\" stroke=\"{Colours[i % Colours.Length]}\" stroke-width=\"3\"{Dashes(Lines[i])}/><text x=\"{x + 28}\" y=\"46\">{Escape(Lines[i].Name)}</text>\n");
            x += 28 + 7 * Lines[i].Name.Length + 22;
        }
    }

    private (double From, double To) Vertical()
    {
        if (YRange is (double lowest, double highest))
            return (Scale(lowest), Scale(highest));
        (double from, double to) = Range(Lines.SelectMany(line => line.Y).Select(Scale));
        return IsLogarithmic ? (Math.Max(from, to - MostDecades), to) : (from, to);
    }

    private double Scale(double y) => !IsLogarithmic ? y : y > 0 ? Math.Log10(y) : double.NaN;

    /// <summary>The finite numbers' range, never empty.</summary>
    private static (double From, double To) Range(IEnumerable<double> numbers)
    {
        (double from, double to) = (double.PositiveInfinity, double.NegativeInfinity);
        foreach (double number in numbers.Where(double.IsFinite))
            (from, to) = (Math.Min(from, number), Math.Max(to, number));
        return from < to ? (from, to) : double.IsFinite(from) ? (from - 0.5, from + 0.5) : (0, 1);
    }

    /// <summary>
    /// Ticks at logarithms of round numbers: whole decades where there are several, else also 2 and 5 times them, or all ten of them.
    /// </summary>
    private static IEnumerable<(double, string)> LogarithmicTicks(double from, double to)
    {
        double step = Math.Max(1, Math.Ceiling((to - from) / 8));
        double[] digits = to - from >= 3 ? [1] : to - from >= 0.8 ? [1, 2, 5] : [1, 2, 3, 4, 5, 6, 7, 8, 9];
        for (double decade = Math.Floor(from); decade <= to; decade += step)
            foreach (double digit in digits)
                if (decade + Math.Log10(digit) is double tick && tick >= from - 1e-9 && tick <= to + 1e-9)
                    yield return (tick, digits.Length == 1 ? $"1e{(int)decade}" : Label(digit * Math.Pow(10, decade)));
    }

    private static string Dashes(ChartLine line) => line.Dashed ? " stroke-dasharray=\"5 4\"" : "";
}
