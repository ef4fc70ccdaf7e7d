using System.Buffers;
using System.Text.Json;
using StreamRnn.Ingest.Recordings;

namespace StreamRnn.Lab.Devices;

/// <summary>Form of a device's readings. Each is used by real devices, and the worker reads it without configuration.</summary>
public enum PayloadForm
{
    /// <summary>The number alone; the event time is the arrival.</summary>
    Plain,

    /// <summary><c>{"ts":"2014-07-01T00:00:00Z","value":10844}</c>, or each column by its name where there are several.</summary>
    Json,

    /// <summary><c>{"Time":"2014-07-01T00:00:00","NYC":{"Passengers":10844}}</c>, as Tasmota does: nested, local time, no zone.</summary>
    Nested,

    /// <summary><c>[{"n":"temperature","t":1372896000,"v":69.88}]</c>, RFC 8428.</summary>
    SenMl,
}

/// <summary>Writes the row a recording stands at as the payload of one message.</summary>
/// <param name="paths">One per value column: the names from the outside in. Forms of one value use the first column alone.</param>
public sealed class DevicePayload(PayloadForm form, IReadOnlyList<string[]> paths)
{
    private readonly ArrayBufferWriter<byte> _buffer = new(256);

    /// <returns>Empty where the row has no time or no value that could be sent. Valid until the next call.</returns>
    public ReadOnlySpan<byte> Write(CsvRecording row)
    {
        _buffer.Clear();
        if (row.TimeFault != Ingest.Faults.TickFault.None)
            return [];

        int values = 0;
        using (Utf8JsonWriter json = new(_buffer, new JsonWriterOptions { SkipValidation = form == PayloadForm.Plain }))
        {
            Begin(json, row);
            for (int column = 0; column < row.ValueColumns.Count && column < paths.Count; column++)
            {
                if (row.TryGetValue(column, out double value) != Ingest.Faults.TickFault.None)
                    continue;
                WriteValue(json, paths[column], value);
                values++;
                if (form is PayloadForm.Plain or PayloadForm.SenMl)
                    break;
            }
            End(json);
        }
        return values > 0 ? _buffer.WrittenSpan : [];
    }

    private void Begin(Utf8JsonWriter json, CsvRecording row)
    {
        DateTime time = DateTime.UnixEpoch.AddTicks(row.Time / 100);
        if (form == PayloadForm.SenMl)
            json.WriteStartArray();
        if (form != PayloadForm.Plain)
            json.WriteStartObject();
        if (row.TimeColumn is null)
            return;
        switch (form)
        {
            case PayloadForm.Json:
                json.WriteString("ts", time);
                break;
            case PayloadForm.Nested:
                json.WriteString("Time", DateTime.SpecifyKind(time, DateTimeKind.Unspecified));
                break;
            case PayloadForm.SenMl:
                json.WriteNumber("t", row.Time / 1_000_000_000m);
                break;
        }
    }

    private void WriteValue(Utf8JsonWriter json, string[] path, double value)
    {
        switch (form)
        {
            case PayloadForm.Plain:
                json.WriteNumberValue(value);
                break;
            case PayloadForm.SenMl:
                json.WriteString("n", path[^1]);
                json.WriteNumber("v", value);
                break;
            default:
                foreach (string level in path[..^1])
                    json.WriteStartObject(level);
                json.WriteNumber(path[^1], value);
                foreach (string _ in path[..^1])
                    json.WriteEndObject();
                break;
        }
    }

    private void End(Utf8JsonWriter json)
    {
        if (form != PayloadForm.Plain)
            json.WriteEndObject();
        if (form == PayloadForm.SenMl)
            json.WriteEndArray();
    }
}
