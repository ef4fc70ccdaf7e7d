using System.Text;
using System.Text.Json;
using Microsoft.Extensions.Logging;

namespace StreamRnn.Ingest.Faults;

/// <summary>Receives the first refusal of an episode.</summary>
/// <param name="topic">UTF-8; valid for the call only.</param>
/// <param name="total">Refusals for this reason since the start.</param>
public delegate void FaultReport(TickFault fault, ReadOnlySpan<byte> topic, long total);

/// <summary>
/// How much input was refused, by reason. A reason is logged and reported when it begins an episode; the episode ends when none came for
/// <see cref="Quiet"/>, so that a device that sends rubbish all year is one line. Safe for any number of threads.
/// </summary>
public sealed class FaultCounters(ILogger logger, TimeProvider clock, FaultReport? report = null)
{
    private readonly long[] _totals = new long[(int)Enum.GetValues<TickFault>().Max() + 1];
    private readonly long[] _lastAt = new long[(int)Enum.GetValues<TickFault>().Max() + 1];

    /// <summary>Quiet time that ends an episode; the next refusal then begins a new one.</summary>
    public TimeSpan Quiet { get; init; } = TimeSpan.FromMinutes(1);

    /// <summary>Refusals for all reasons.</summary>
    public long Total
    {
        get
        {
            long total = 0;
            for (int fault = 0; fault < _totals.Length; fault++)
                total += Of((TickFault)fault);
            return total;
        }
    }

    /// <summary>Refusals for this reason.</summary>
    public long Of(TickFault fault) => Interlocked.Read(ref _totals[(int)fault]);

    /// <summary>Counts refusals.</summary>
    /// <param name="topic">UTF-8; whatever tells an operator where to look.</param>
    public void Refuse(TickFault fault, ReadOnlySpan<byte> topic, int count = 1)
    {
        long total = Interlocked.Add(ref _totals[(int)fault], count);
        long now = Math.Max(1, clock.GetTimestamp());
        long before = Interlocked.Exchange(ref _lastAt[(int)fault], now);
        if (before != 0 && clock.GetElapsedTime(before, now) < Quiet)
            return;
        if (fault.IsExpected())
        {
            if (logger.IsEnabled(LogLevel.Information))
                Log.InputPassedOver(logger, fault.Reason(), fault.Meaning(), Printable(topic));
            return;
        }
        if (logger.IsEnabled(LogLevel.Warning))
            Log.InputRefused(logger, fault.Reason(), fault.Meaning(), Printable(topic), total);
        report?.Invoke(fault, topic, total);
    }

    /// <summary>Counts a refusal that is no news.</summary>
    public void Count(TickFault fault) => Interlocked.Increment(ref _totals[(int)fault]);

    /// <summary>The beginning of a topic, fit for one line of a log.</summary>
    internal static string Printable(ReadOnlySpan<byte> topic)
    {
        const int Longest = 128;
        string text = Encoding.UTF8.GetString(topic[..Math.Min(topic.Length, Longest)]);
        return string.Create(text.Length, text, (into, from) =>
        {
            for (int i = 0; i < into.Length; i++)
                into[i] = char.IsControl(from[i]) ? '?' : from[i];
        });
    }
}
