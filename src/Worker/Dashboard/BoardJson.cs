using System.Buffers;
using System.Text.Json;
using StreamRnn.Engine.Publish;

namespace StreamRnn.Worker.Dashboard;

/// <summary>State of the worker for the page.</summary>
/// <param name="Link">Description of the source of ticks.</param>
/// <param name="Streams">Streams that have been seen.</param>
internal readonly record struct WorkerStatus(string Link, bool Ready, int Streams, long Accepted, long Stepped, long Published, long Refused)
{
    /// <summary>Reason that no ticks can arrive; null where none is known.</summary>
    public string? Trouble { get; init; }
}

/// <summary>The board as JSON: what is unknown is null, names are escaped so that they are text in any page.</summary>
internal static class BoardJson
{
    public static ReadOnlyMemory<byte> Write(LiveBoard board, in WorkerStatus status, BoardQuery query)
    {
        BoardView view = board.Read(query);
        ArrayBufferWriter<byte> buffer = new(64 << 10);
        using Utf8JsonWriter json = new(buffer);
        json.WriteStartObject();
        json.WriteString("link", status.Link);
        json.WriteBoolean("ready", status.Ready);
        json.WriteNumber("streams", status.Streams);
        json.WriteNumber("kept", view.Kept);
        json.WriteNumber("matching", view.Matching);
        json.WriteNumber("accepted", status.Accepted);
        json.WriteNumber("stepped", status.Stepped);
        json.WriteNumber("published", status.Published);
        json.WriteNumber("refused", status.Refused);
        json.WriteNumber("anomalyCount", board.AnomalyCount);

        json.WriteStartArray("rows");
        foreach (StreamRow row in view.Streams)
            Write(json, row);
        json.WriteEndArray();

        json.WriteStartArray("anomalies");
        foreach (AnomalyLine anomaly in view.Anomalies.Reverse())   // the latest first
            Write(json, anomaly);
        json.WriteEndArray();
        json.WriteEndObject();
        json.Flush();
        return buffer.WrittenMemory;
    }

    private static void Write(Utf8JsonWriter json, StreamRow row)
    {
        json.WriteStartObject();
        json.WriteString("name", row.Name);
        json.WriteNumber("n", row.Verdict.N);
        Time(json, row.Time);
        Number(json, "value", row.Value);
        Number(json, "forecast", row.Verdict.Forecast);
        Number(json, "lower", row.Verdict.Lower);
        Number(json, "upper", row.Verdict.Upper);
        Number(json, "next", row.Verdict.Next);
        Number(json, "surprise", row.Verdict.Surprise);
        Number(json, "score", row.Verdict.Score);
        json.WriteBoolean("alarm", row.Verdict.Alarm);
        json.WriteBoolean("muted", row.Verdict.Muted);
        json.WriteStartArray("curve");   // [value, forecast, alarm]
        foreach (CurvePoint point in row.Curve)
        {
            json.WriteStartArray();
            Number(json, point.Value);
            Number(json, point.Forecast);
            json.WriteNumberValue(point.Alarm ? 1 : 0);
            json.WriteEndArray();
        }
        json.WriteEndArray();
        json.WriteEndObject();
    }

    private static void Write(Utf8JsonWriter json, AnomalyLine anomaly)
    {
        (string kind, float nats) = anomaly.Strongest;
        json.WriteStartObject();
        json.WriteString("stream", anomaly.Stream);
        json.WriteNumber("n", anomaly.Verdict.N);
        Time(json, anomaly.Time);
        Number(json, "value", anomaly.Value);
        Number(json, "forecast", anomaly.Verdict.Forecast);
        Number(json, "lower", anomaly.Verdict.Lower);
        Number(json, "upper", anomaly.Verdict.Upper);
        Number(json, "score", anomaly.Verdict.Score);
        json.WriteString("why", kind);
        Number(json, "nats", nats);
        json.WriteEndObject();
    }

    private static void Time(Utf8JsonWriter json, long nanoseconds)
    {
        Span<byte> text = stackalloc byte[64];
        json.WriteString("ts"u8, text[..Utf8Text.WriteTime(nanoseconds, text)]);
    }

    private static void Number(Utf8JsonWriter json, string name, double value)
    {
        json.WritePropertyName(name);
        Number(json, value);
    }

    private static void Number(Utf8JsonWriter json, double value)
    {
        if (double.IsFinite(value))
            json.WriteNumberValue(value);
        else
            json.WriteNullValue();
    }
}
