using System.Text;

namespace StreamRnn.Trainer.Pictures;

/// <summary>
/// Numbers from -1 to 1 over two axes: below 0 blue, above it orange, the stronger the farther from 0, which shows the ground itself, light
/// or dark.
/// </summary>
/// <param name="Columns">[columns][rows]; what is no number stays empty.</param>
/// <param name="First">X of the first column; each is one wide, its number in the middle.</param>
public sealed record HeatMap(string Title, string XLabel, string YLabel, IReadOnlyList<IReadOnlyList<float>> Columns, double First = 0) : Chart(Title)
{
    private const double Top = 64, Bottom = 52;

    /// <summary>Shades from 0 to 1; cells of one shade are one path.</summary>
    private const int Shades = 20;
    private const string Below = "#0072b2", Above = "#d55e00";

    /// <summary>A second line below some of the columns: their times, perhaps.</summary>
    public IReadOnlyList<string> ColumnNames { get; init; } = [];

    /// <summary>Range of X, so that charts above may share it.</summary>
    public (double From, double To) XRange => (First - 0.5, First + Columns.Count - 0.5);

    protected override void Draw(StringBuilder svg)
    {
        int rows = Columns.Count == 0 ? 0 : Columns[0].Count;
        double cell = PlotWidth / Math.Max(1, Columns.Count), line = (Height - Top - Bottom) / Math.Max(1, rows);
        Legend(svg);
        for (int shade = -Shades; shade <= Shades; shade++)
        {
            string path = PathOf(shade, rows, cell, line);
            if (path.Length > 0)
                Append(svg, $"<path d=\"{path}\" fill=\"{(shade < 0 ? Below : Above)}\" fill-opacity=\"{Math.Abs(shade) / (double)Shades:0.##}\" shape-rendering=\"crispEdges\"/>\n");
        }
        Append(svg, $"<path d=\"M{Left} {Top}H{Width - Right}V{Height - Bottom}H{Left}Z\" fill=\"none\" stroke=\"#8886\"/>\n");
        foreach ((double tick, string label) in Ticks(XRange.From, XRange.To, 8).Where(tick => tick.Item1 % 1 == 0))
        {
            double across = Left + (tick - XRange.From) * cell;
            Append(svg, $"<text x=\"{across:0.#}\" y=\"{Height - Bottom + 16}\" text-anchor=\"middle\">{label}</text>\n");
            int column = (int)(tick - First);
            if (column >= ColumnNames.Count)
                continue;
            bool isLast = across + (3 * ColumnNames[column].Length) > Width;
            Append(svg, $"<text x=\"{(isLast ? Width : across):0.#}\" y=\"{Height - Bottom + 30}\" text-anchor=\"{(isLast ? "end" : "middle")}\" font-size=\"10\">{Escape(ColumnNames[column])}</text>\n");
        }
        foreach ((double tick, string label) in Ticks(0, Math.Max(1, rows - 1), 8).Where(tick => tick.Item1 % 1 == 0))
            Append(svg, $"<text x=\"{Left - 8}\" y=\"{Top + ((tick + 0.5) * line) + 4:0.#}\" text-anchor=\"end\">{label}</text>\n");
        Append(svg, $"<text x=\"{Left + (PlotWidth / 2)}\" y=\"{Height - 6}\" text-anchor=\"middle\">{Escape(XLabel)}</text>\n");
        Append(svg, $"<text transform=\"translate(16 {(Top + Height - Bottom) / 2}) rotate(-90)\" text-anchor=\"middle\">{Escape(YLabel)}</text>\n");
    }

    /// <summary>Every cell of a shade; neighbours in a row are one rectangle.</summary>
    private string PathOf(int shade, int rows, double cell, double line)
    {
        StringBuilder path = new();
        for (int row = 0; row < rows && shade != 0; row++)
        {
            for (int column = 0, end; column < Columns.Count; column = end)
            {
                for (end = column + 1; end < Columns.Count && ShadeOf(Columns[end][row]) == ShadeOf(Columns[column][row]);)
                    end++;
                if (ShadeOf(Columns[column][row]) == shade)
                {
                    (double left, double right) = (Left + (column * cell), Left + (end * cell));
                    Append(path, $"M{left:0.##} {Top + (row * line):0.##}H{right:0.##}V{Top + ((row + 1) * line):0.##}H{left:0.##}z");
                }
            }
        }
        return path.ToString();
    }

    private static int ShadeOf(float number) => float.IsNaN(number) ? 0 : (int)Math.Round(Math.Clamp(number, -1, 1) * Shades);

    private static void Legend(StringBuilder svg)
    {
        const double Step = 3;
        double x = Left + 22;
        Append(svg, $"<text x=\"{Left}\" y=\"46\">-1</text>\n");
        for (int shade = -Shades; shade <= Shades; shade++, x += Step)
            Append(svg, $"<path d=\"M{x} 36h{Step}v12h{-Step}z\" fill=\"{(shade < 0 ? Below : Above)}\" fill-opacity=\"{Math.Abs(shade) / (double)Shades:0.##}\" shape-rendering=\"crispEdges\"/>\n");
        Append(svg, $"<text x=\"{x + 6}\" y=\"46\">1</text>\n");
    }
}
