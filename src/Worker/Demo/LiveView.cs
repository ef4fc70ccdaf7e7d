using System.Globalization;
using Spectre.Console;
using Spectre.Console.Rendering;
using StreamRnn.Detection;
using StreamRnn.Worker.Dashboard;

namespace StreamRnn.Worker.Demo;

/// <summary>Draws the board on a terminal, a few times a second, or as plain lines where the output is a pipe.</summary>
internal static class LiveView
{
    private const string Levels = "▁▂▃▄▅▆▇█";
    private const int ShownStreams = 24;
    private const int ShownAnomalies = 10;
    private const int CurveLength = 24;
    private const int WideFrom = 130;   // columns of the terminal
    private static readonly string[] Narrow = [];

    /// <summary>The whole picture.</summary>
    /// <param name="title">One line: where the broker listens, how long it runs, how fast.</param>
    public static IRenderable Draw(LiveBoard board, string title, int streamCount)
    {
        BoardView view = board.Read(new BoardQuery(ShownStreams));
        return new Rows(new Markup(title), DrawStreams(view.Streams, streamCount), DrawAnomalies([.. view.Anomalies.TakeLast(ShownAnomalies)]));
    }

    /// <summary>An anomaly in one line of text.</summary>
    public static string Describe(AnomalyLine anomaly)
    {
        (string why, float nats) = anomaly.Strongest;
        return $"{Clock(anomaly.Time)}  {anomaly.Stream}  {Number(anomaly.Value)}, expected {Number(anomaly.Verdict.Forecast)} " +
            $"({Number(anomaly.Verdict.Lower)} to {Number(anomaly.Verdict.Upper)})  score {anomaly.Verdict.Score:0.00}  {why} {nats:0.0} nats";
    }

    private static Table DrawStreams(IReadOnlyList<StreamRow> streams, int streamCount)
    {
        bool wide = AnsiConsole.Profile.Width >= WideFrom;
        Table table = new Table().Border(TableBorder.Simple);
        table.AddColumn(new TableColumn("stream").NoWrap());
        foreach (string heading in (string[])["n", .. wide ? ["event time"] : Narrow, "value", "forecast", .. wide ? ["90 % interval", "surprise"] : Narrow, "score"])
            table.AddColumn(new TableColumn(heading).RightAligned().NoWrap());
        if (wide)
            table.AddColumn(new TableColumn($"last {CurveLength}").NoWrap());

        foreach (StreamRow line in streams)
            table.AddRow(DrawStream(line, wide));
        if (streamCount > streams.Count)
            table.AddRow($"and {streamCount - streams.Count:N0} more");
        return table;
    }

    private static IEnumerable<IRenderable> DrawStream(StreamRow line, bool wide)
    {
        Verdict verdict = line.Verdict;
        yield return new Text(line.Name);
        yield return new Text(verdict.N.ToString("N0"));
        if (wide)
            yield return new Text(Clock(line.Time));
        yield return new Text(Number(line.Value));
        yield return new Text(Number(verdict.Next));
        if (wide)
        {
            yield return new Text($"{Number(verdict.Lower)} .. {Number(verdict.Upper)}");
            yield return new Text($"{verdict.Surprise:0.0}");
        }
        yield return new Markup(verdict.Alarm ? $"[red]{verdict.Score:0.00}[/]" : verdict.Muted ? "[grey]resting[/]" : $"{verdict.Score:0.00}");
        if (wide)
            yield return new Text(Curve(line.Curve.TakeLast(CurveLength).Select(point => point.Value)));
    }

    private static Panel DrawAnomalies(IReadOnlyList<AnomalyLine> anomalies)
    {
        int room = Math.Max(AnsiConsole.Profile.Width - 4, 0);   // within the frame
        string text = anomalies.Count == 0
            ? "none yet: a stream rests while it learns what is normal"
            : string.Join('\n', anomalies.Select(Describe).Select(line => line.Length > room ? line[..room] : line));
        return new Panel(text.EscapeMarkup()).Header("anomalies").Expand();
    }

    private static string Curve(IEnumerable<double> values)
    {
        double[] curve = [.. values];
        if (curve.Length == 0)
            return "";
        (double low, double high) = (curve.Min(), curve.Max());
        return string.Concat(curve.Select(value => high > low ? Levels[(int)((value - low) / (high - low) * (Levels.Length - 1))] : Levels[0]));
    }

    private static string Clock(long time) =>
        DateTime.UnixEpoch.AddTicks(time / 100).ToString("yyyy-MM-dd HH:mm", CultureInfo.InvariantCulture);

    private static string Number(double value) => double.IsNaN(value) ? "-" : value.ToString("G5", CultureInfo.InvariantCulture);
}
