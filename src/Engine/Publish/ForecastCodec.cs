using System.Text;
using System.Text.Json;
using StreamRnn.Detection;
using StreamRnn.Engine.Streams;
using StreamRnn.Ingest.Ticks;

namespace StreamRnn.Engine.Publish;

/// <summary>
/// Forecasts as messages, in one reused buffer:
/// <code>
/// PREFIX/STREAM/forecast  {"n":1234,"ts":"2026-01-01T00:00:00Z","value":21.5,"forecast":21.4,"lower":20.9,"upper":21.9,
///                          "surprise":1.3,"score":0.02,"muted":false,"next":21.6,"model":"default@3f2a"}
/// PREFIX/STREAM/anomaly   the same and  "why":"level","evidence":{"level":7.1,"drift":0.4,"shock":0,"season":0,"quiet":0,"record":0}
/// </code>
/// What is unknown is null; nothing is NaN or infinite.
/// </summary>
public sealed class ForecastCodec
{
    /// <summary>Bytes of the longest payload: eleven numbers and times, six of evidence, the names between them, the model's name.</summary>
    private const int PayloadBytes = 2048;

    private static readonly (byte[] Field, string Name)[] Channels =
        [.. new[] { "level", "drift", "shock", "season", "quiet", "record" }.Select(name => (Encoding.UTF8.GetBytes($"\"{name}\":"), name))];

    private readonly StreamDirectory _directory;
    private readonly byte[] _prefix;
    private readonly byte[][] _models;
    private readonly byte[] _payload = new byte[PayloadBytes];
    private byte[] _topic = new byte[256];

    /// <param name="prefix">First levels of every output topic, without a slash at the end.</param>
    public ForecastCodec(string prefix, StreamDirectory directory, StreamModels models)
    {
        _directory = directory;
        _prefix = Encoding.UTF8.GetBytes(prefix + "/");
        _models = [.. models.Kinds.Select(kind => Encoding.UTF8.GetBytes($",\"model\":\"{JsonEncodedText.Encode(kind.Model.Name)}\""))];
    }

    /// <summary>Topic and payload of a forecast; valid until the next call.</summary>
    public EncodedMessage EncodeForecast(in Forecast forecast)
    {
        int length = WriteForecast(in forecast);
        _payload[length++] = (byte)'}';
        return new EncodedMessage(Topic(forecast.Stream, "/forecast"u8), _payload.AsSpan(0, length));
    }

    /// <summary>Topic and payload of an anomaly; valid until the next call.</summary>
    public EncodedMessage EncodeAnomaly(in Forecast forecast)
    {
        int length = WriteForecast(in forecast);
        length += WriteEvidence(in forecast, _payload.AsSpan(length));
        return new EncodedMessage(Topic(forecast.Stream, "/anomaly"u8), _payload.AsSpan(0, length));
    }

    private ReadOnlySpan<byte> Topic(int stream, ReadOnlySpan<byte> kind)
    {
        ReadOnlySpan<byte> name = _directory.Utf8Name(stream);
        int length = _prefix.Length + name.Length + kind.Length;
        if (length > _topic.Length)
            _topic = new byte[length * 2];
        _prefix.CopyTo(_topic, 0);
        name.CopyTo(_topic.AsSpan(_prefix.Length));
        kind.CopyTo(_topic.AsSpan(_prefix.Length + name.Length));
        return _topic.AsSpan(0, length);
    }

    private int WriteForecast(in Forecast forecast)
    {
        ref readonly Verdict verdict = ref forecast.Verdict;
        Span<byte> to = _payload;
        int at = Append("{\"n\":"u8, to, 0);
        at += Utf8Text.Write(verdict.N, to[at..]);
        at = Append(",\"ts\":\""u8, to, at);
        at += Utf8Text.WriteTime(forecast.Time, to[at..]);
        at = Append("\",\"value\":"u8, to, at);
        at = AppendNumber(forecast.Value, to, at);
        at = Append(",\"forecast\":"u8, to, at);
        at = AppendNumber(verdict.Forecast, to, at);
        at = Append(",\"lower\":"u8, to, at);
        at = AppendNumber(verdict.Lower, to, at);
        at = Append(",\"upper\":"u8, to, at);
        at = AppendNumber(verdict.Upper, to, at);
        at = Append(",\"surprise\":"u8, to, at);
        at = AppendNumber(verdict.Surprise, to, at);
        at = Append(",\"score\":"u8, to, at);
        at = AppendNumber(verdict.Score, to, at);
        at = verdict.Muted ? Append(",\"muted\":true,\"next\":"u8, to, at) : Append(",\"muted\":false,\"next\":"u8, to, at);
        at = AppendNumber(verdict.Next, to, at);
        return Append(_models[forecast.Kind], to, at);
    }

    /// <summary>Writes the strongest channel, and all of them in nats.</summary>
    private static int WriteEvidence(in Forecast forecast, Span<byte> to)
    {
        ref readonly Evidence evidence = ref forecast.Verdict.Evidence;
        ReadOnlySpan<float> nats = [evidence.Level, evidence.Drift, evidence.Shock, evidence.Season, evidence.Quiet, evidence.Record];
        int strongest = 0;
        for (int i = 1; i < nats.Length; i++)
        {
            if (nats[i] > nats[strongest])
                strongest = i;
        }

        int at = Append(",\"why\":\""u8, to, 0);
        at += Encoding.UTF8.GetBytes(Channels[strongest].Name, to[at..]);
        at = Append("\",\"evidence\":{"u8, to, at);
        for (int i = 0; i < nats.Length; i++)
        {
            if (i > 0)
                to[at++] = (byte)',';
            at = Append(Channels[i].Field, to, at);
            at = AppendNumber(nats[i], to, at);
        }
        return Append("}}"u8, to, at);
    }

    private static int Append(ReadOnlySpan<byte> text, Span<byte> to, int at)
    {
        text.CopyTo(to[at..]);
        return at + text.Length;
    }

    private static int AppendNumber(double value, Span<byte> to, int at) =>
        double.IsFinite(value) ? at + Utf8Text.Write(value, to[at..]) : Append("null"u8, to, at);

    private static int AppendNumber(float value, Span<byte> to, int at) =>
        float.IsFinite(value) ? at + Utf8Text.Write(value, to[at..]) : Append("null"u8, to, at);
}

/// <summary>A view of the codec's buffer.</summary>
public readonly ref struct EncodedMessage(ReadOnlySpan<byte> topic, ReadOnlySpan<byte> payload)
{
    public ReadOnlySpan<byte> Topic { get; } = topic;

    public ReadOnlySpan<byte> Payload { get; } = payload;
}
