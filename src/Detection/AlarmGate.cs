using StreamRnn.Cells.Kernels;

namespace StreamRnn.Detection;

/// <summary>
/// Rations alarms: it rests after each for a share of the history, and each alarm raises the bar for the next for a while. Together with
/// the -0.5 ln t in the evidence this keeps the number of alarms about constant per doubling of the history.
/// </summary>
internal struct AlarmGate
{
    /// <summary>Nats of evidence at which an alarm is raised, habit apart.</summary>
    private const double Line = 6;

    /// <summary>Nats below the line from which the score leaves 0.</summary>
    private const double Margin = 4;

    private const double HabitPerAlarm = 0.6;

    /// <summary>
    /// Rows in which a new stream raises no alarm: with so little history everything is rare. On the Numenta benchmark this spares 62 of
    /// 512 alarms, all of them before its scoring begins, and leaves its scores as they are.
    /// </summary>
    private const long WarmUp = 64;

    private long _restsUntil;
    private double _habit;

    /// <summary>Raises no alarm for as long as for a new stream.</summary>
    /// <param name="row">Rows seen so far.</param>
    public void Rest(long row) => _restsUntil = Math.Max(_restsUntil, row + WarmUp);

    /// <summary>Turns evidence into a score in [0, 1]; an alarm is exactly a score of one half or more.</summary>
    /// <param name="evidence">Nats.</param>
    /// <param name="row">Rows seen before this one.</param>
    /// <param name="age">The same, capped.</param>
    public float Score(double evidence, long row, int age, out bool alarm, out bool muted)
    {
        alarm = false;
        _habit *= 1 - 1 / (0.5 * (age + 50));
        muted = row < Math.Max(_restsUntil, WarmUp);
        if (muted)
            return 0;

        double excess = Math.Max(evidence - Line + Margin, 0) - Margin - _habit;
        if (excess <= -Margin)
            return 0;
        alarm = excess >= 0;
        if (!alarm)
            return Math.Min((float)Elementary.Sigmoid(excess), MathF.BitDecrement(0.5f));

        _habit += HabitPerAlarm;
        _restsUntil = row + (long)Math.Ceiling(Math.Min(Math.Max(0.03 * age, 30), 300));
        return (float)Elementary.Sigmoid(excess);
    }
}
