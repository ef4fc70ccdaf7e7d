using System.Diagnostics.Metrics;
using System.Globalization;

namespace StreamRnn.Engine.Telemetry;

/// <summary>Value of one instrument at one moment.</summary>
/// <param name="Tag">Value of its tag, as in a reason or a link, of several tags with a space between them; null where it has none.</param>
public readonly record struct MetricReading(string Name, string? Tag, double Value);

/// <summary>The meter read by somebody who has no collector.</summary>
public sealed partial class WorkerMetrics
{
    /// <summary>
    /// Every instrument that is read rather than written: the sums and sizes that others keep. Counters and histograms the loops write to are
    /// summed by a collector alone.
    /// </summary>
    public IReadOnlyList<MetricReading> Read()
    {
        List<MetricReading> readings = [];
        using MeterListener listener = new()
        {
            InstrumentPublished = (instrument, listener) =>
            {
                if (instrument.Meter == _meter && instrument.IsObservable)
                    listener.EnableMeasurementEvents(instrument);
            },
        };
        listener.SetMeasurementEventCallback<int>((instrument, value, tags, _) => Add(instrument, value, tags));
        listener.SetMeasurementEventCallback<long>((instrument, value, tags, _) => Add(instrument, value, tags));
        listener.Start();
        listener.RecordObservableInstruments();
        return readings;

        void Add(Instrument instrument, double value, ReadOnlySpan<KeyValuePair<string, object?>> tags) =>
            readings.Add(new MetricReading(instrument.Name, InWords(tags), value));
    }

    private static string? InWords(ReadOnlySpan<KeyValuePair<string, object?>> tags)
    {
        string? words = null;
        foreach (KeyValuePair<string, object?> tag in tags)
        {
            string? value = Convert.ToString(tag.Value, CultureInfo.InvariantCulture);
            words = words is null ? value : $"{words} {value}";
        }
        return words;
    }
}
