using System.Globalization;
using System.Text;
using StreamRnn.Engine.Recovery;
using StreamRnn.Trainer.Pictures;

namespace StreamRnn.Worker.Verbs;

/// <summary>The recent steps of one stream: value, forecast and score above the hidden state, step below step.</summary>
internal sealed class StatePicture
{
    private const int MostUnitHeight = 12;
    private const int MostHeight = 640;

    private readonly string _stream;
    private readonly string _model;
    private readonly StepTrace _watch;
    private readonly StepSeen[] _steps;
    private readonly long _first;
    private readonly int _units;

    /// <param name="model">Its name.</param>
    public StatePicture(string stream, string model, StepTrace watch)
    {
        (_stream, _model, _watch, _steps) = (stream, model, watch, [.. watch.Steps]);
        _first = _steps[0].Verdict.N;
        _units = _steps[0].Hidden.Length;
    }

    private string[] Caption =>
    [
        string.Create(CultureInfo.InvariantCulture, $"Steps {_first:n0} to {_steps[^1].Verdict.N:n0} of {_model}, {StateText.Time(_steps[0].Time)} to {StateText.Time(_steps[^1].Time)}."),
        "Made again from the log behind the snapshot. " + (
            _watch.IsCut ? "The log has older ones too: --steps."
            : _first == 1 ? "They are the stream's first."
            : "What was before them is in the snapshot, and their first state comes from there."),
    ];

    public string Html()
    {
        PicturePage page = new PicturePage(_stream).Paragraph(string.Join(' ', Caption));
        foreach (Chart chart in Charts())
            page.Chart(chart);
        if (_units > 0)
            page.Paragraph("One line a unit of h, one column a step, the first as it was before them: blue below 0, orange above, the ground itself where a unit is at rest.");
        if (_watch.Gates() is { } gates)
        {
            page.Paragraph("Units of each gate that hardly answered in the last step: below 0.05 or above 0.95 of its range.")
                .Table(string.Join('\n', gates.Select(gate => string.Create(CultureInfo.InvariantCulture, $"{gate.Gate}  {100 * gate.Share,3:0} %"))));
        }
        return page.Html();
    }

    public string Svg() => new ChartStack(_stream, Caption, Charts()).Svg();

    public string Csv()
    {
        StringBuilder csv = new("n,timestamp,value,forecast,lower,upper,surprise,anomaly_score,is_anomaly,next");
        for (int unit = 0; unit < _units; unit++)
            csv.Append(CultureInfo.InvariantCulture, $",h{unit}");
        csv.Append('\n');
        foreach (StepSeen step in _steps)
        {
            csv.Append(CultureInfo.InvariantCulture, $"{step.Verdict.N},{StateText.Time(step.Time)},{StateText.Number(step.Value)},{StateText.Number(step.Verdict.Forecast)},");
            csv.Append(CultureInfo.InvariantCulture, $"{StateText.Number(step.Verdict.Lower)},{StateText.Number(step.Verdict.Upper)},{StateText.Number(step.Verdict.Surprise)},");
            csv.Append(CultureInfo.InvariantCulture, $"{StateText.Number(step.Verdict.Score)},{(step.Verdict.Alarm ? 1 : 0)},{StateText.Number(step.Verdict.Next)}");
            foreach (float h in step.Hidden)
                csv.Append(',').Append(StateText.Number(h));
            csv.Append('\n');
        }
        return csv.ToString();
    }

    private List<Chart> Charts()
    {
        double[] n = [.. Enumerable.Range(0, _steps.Length).Select(step => (double)(_first + step))];
        (double, double) range = (_first - 1.5, n[^1] + 0.5);
        List<Chart> charts =
        [
            new LineChart("Value", "", "", [new("value", n, [.. _steps.Select(step => step.Value)]), new("forecast", n, [.. _steps.Select(step => step.Verdict.Forecast)], Dashed: true) { Width = 1.3 }])
                { Height = 230, XRange = range },
            new LineChart("Anomaly score", _units == 0 ? "step" : "", "", [new("score", n, [.. _steps.Select(step => (double)step.Verdict.Score)])])
                { Height = 130, XRange = range, YRange = (0, 1), HasLegend = false },
        ];
        if (_units > 0)
        {
            charts.Add(new HeatMap("Hidden state h", "step", "unit", [_watch.HiddenBefore, .. _steps.Select(step => step.Hidden)], _first - 1)
            {
                Height = 120 + Math.Min(MostHeight, MostUnitHeight * _units),
                ColumnNames = ["", .. _steps.Select(step => Clock(step.Time))],
            });
        }
        return charts;
    }

    /// <summary>Formats as much of a time as distinguishes the steps.</summary>
    private string Clock(long time)
    {
        DateTime at = DateTime.UnixEpoch.AddTicks(time / 100);
        return at.ToString(_steps[^1].Time - _steps[0].Time < TimeSpan.FromDays(1).TotalNanoseconds ? "HH:mm:ss" : "MM-dd HH:mm", CultureInfo.InvariantCulture);
    }
}
