using System.Buffers.Text;

namespace StreamRnn.Ingest.Recordings;

/// <summary>One row of replay output; what is unknown is NaN here and empty in the file.</summary>
public readonly record struct ReplayRow
{
    /// <summary>A row that could not be stepped.</summary>
    public static ReplayRow Unstepped { get; } = new() { Value = double.NaN, Forecast = double.NaN, Lower = double.NaN, Upper = double.NaN, Surprise = float.NaN };

    public required double Value { get; init; }

    /// <summary>Predicted for this row before it was seen.</summary>
    public required double Forecast { get; init; }

    /// <summary>Lower end of the 90 % interval around the forecast.</summary>
    public required double Lower { get; init; }

    public required double Upper { get; init; }

    /// <summary>Evidence before the alarm gate, in nats.</summary>
    public required float Surprise { get; init; }

    /// <summary>In [0, 1].</summary>
    public float Score { get; init; }

    public bool IsAnomaly { get; init; }
}

/// <summary>
/// Writes replay output, one row per input row with the input's own timestamp text:
/// <c>timestamp,value,forecast,lower,upper,surprise,anomaly_score,is_anomaly</c>. Numbers are the shortest that read back as the same.
/// </summary>
public sealed class ReplayWriter : IDisposable
{
    private const int LongestNumbers = 256;   // eight numbers of at most 26 characters and their separators

    private readonly FileStream _file;
    private byte[] _buffer = new byte[1 << 16];
    private int _used;

    /// <param name="path">Overwritten; its folder is created.</param>
    public ReplayWriter(string path)
    {
        Directory.CreateDirectory(Path.GetDirectoryName(Path.GetFullPath(path))!);
        _file = new FileStream(path, FileMode.Create, FileAccess.Write, FileShare.Read, bufferSize: 1);
        Append("timestamp,value,forecast,lower,upper,surprise,anomaly_score,is_anomaly\n"u8);
    }

    /// <param name="timestamp">As the input has it.</param>
    public void Write(ReadOnlySpan<byte> timestamp, in ReplayRow row)
    {
        Reserve(2 * timestamp.Length + 2 + LongestNumbers);
        if (timestamp.ContainsAny(",\"\r\n"u8))
            Quote(timestamp);
        else
            Append(timestamp);
        Number(row.Value);
        Number(row.Forecast);
        Number(row.Lower);
        Number(row.Upper);
        Number(row.Surprise);
        Number(row.Score);
        Append(row.IsAnomaly ? ",1\n"u8 : ",0\n"u8);
    }

    public void Dispose()
    {
        _file.Write(_buffer, 0, _used);
        _file.Dispose();
    }

    private void Number(double value)
    {
        _buffer[_used++] = (byte)',';
        if (double.IsFinite(value) && Utf8Formatter.TryFormat(value, _buffer.AsSpan(_used), out int written))
            _used += written;
    }

    private void Number(float value)
    {
        _buffer[_used++] = (byte)',';
        if (float.IsFinite(value) && Utf8Formatter.TryFormat(value, _buffer.AsSpan(_used), out int written))
            _used += written;
    }

    private void Quote(ReadOnlySpan<byte> text)
    {
        _buffer[_used++] = (byte)'"';
        foreach (byte part in text)
        {
            if (part == '"')
                _buffer[_used++] = part;
            _buffer[_used++] = part;
        }
        _buffer[_used++] = (byte)'"';
    }

    private void Append(ReadOnlySpan<byte> bytes)
    {
        bytes.CopyTo(_buffer.AsSpan(_used));
        _used += bytes.Length;
    }

    private void Reserve(int bytes)
    {
        if (_buffer.Length - _used >= bytes)
            return;
        _file.Write(_buffer, 0, _used);
        _used = 0;
        if (_buffer.Length < bytes)
            _buffer = new byte[bytes];
    }
}
