using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using StreamRnn.Ingest.Ticks;

namespace StreamRnn.Engine.Streams;

/// <summary>Decision of a rule on a tick.</summary>
internal enum TickVerdict
{
    /// <summary>It steps.</summary>
    Step,

    /// <summary>Hold it; nothing steps.</summary>
    Hold,

    /// <summary>A held one steps, and this one is held in its place.</summary>
    StepHeld,

    /// <summary>Step the oldest held tick, then ask again: more may be due before the new one.</summary>
    StepHeldFirst,

    /// <summary>It is dropped: older than what was stepped.</summary>
    Late,

    /// <summary>Drop it: it has come before.</summary>
    Repeated,
}

/// <summary>
/// What a rule remembers of a stream, in the stream's state row, and so saved, brought back and the same after a kill:
/// <code>
///    0  time of the newest tick stepped (8)   8  newest time taken in (8)   16  last number stepped (8)   24  ticks held (4)   28  0 (4)
///   32  ticks held, oldest first:  time (8)  value (8)  number, times two, plus 1 where its producer began to count anew (8)
/// </code>
/// </summary>
/// <remarks>
/// Decisions follow from the row and the tick alone: no clock is read. A held tick is due when a tick has come that is younger by the
/// bound. A number that is not above the last one marks a repeat, unless the payload's own time is later than every time before: repeats
/// bring their old time along, and a producer that began to count anew does not.
/// </remarks>
internal readonly ref struct ReorderBuffer(TickRule rule, Span<float> floats)
{
    private const int HeadBytes = 32;

    private readonly TickRule _rule = rule;
    private readonly Span<byte> _bytes = MemoryMarshal.AsBytes(floats);

    /// <summary>Floats of a guard.</summary>
    /// <param name="capacity">Ticks that can be held.</param>
    public static int FloatsFor(int capacity) => (HeadBytes + (capacity * Unsafe.SizeOf<Held>())) / sizeof(float);

    /// <summary>Ticks that are held.</summary>
    public int HeldCount => Top.HeldCount;

    private ref Head Top => ref MemoryMarshal.AsRef<Head>(_bytes);

    private Span<Held> Ticks => MemoryMarshal.Cast<byte, Held>(_bytes[HeadBytes..]);

    /// <summary>Makes it that of a stream that has seen nothing.</summary>
    public void Initialise()
    {
        _bytes.Clear();
        Top = new Head { Newest = long.MinValue, Highest = long.MinValue, Number = long.MinValue };
    }

    /// <summary>
    /// Takes over the state of a stream from another rule: unchanged for the same rule; else nothing is held, times continue, and numbers
    /// where both rules use them.
    /// </summary>
    public void Adopt(ReorderBuffer before)
    {
        if (_rule == before._rule)
        {
            before._bytes.CopyTo(_bytes);
            return;
        }
        Initialise();
        ref Head top = ref Top;
        (top.Newest, top.Highest) = (before.Top.Newest, before.Top.Highest);
        if (before._rule.Once == TickOnce.Sequence)
            top.Number = before.Top.Number;
    }

    /// <summary>Forgets times and numbers: whatever comes is news. What is held stays.</summary>
    public void Forget()
    {
        ref Head top = ref Top;
        (top.Newest, top.Number) = (long.MinValue, long.MinValue);
        if (top.HeldCount == 0)
            top.Highest = long.MinValue;
        foreach (ref Held held in Ticks[..top.HeldCount])
            held = held with { Number = long.MinValue };
    }

    /// <summary>Decides on the next tick of the stream.</summary>
    /// <param name="time">Of the tick that steps, if one does.</param>
    /// <param name="value">Likewise.</param>
    /// <param name="early">True if a tick steps before its bound has passed, because the buffer is full.</param>
    public TickVerdict Take(in Tick tick, out long time, out double value, out bool early)
    {
        ref Head top = ref Top;
        (time, value, early) = (tick.Time, tick.Value, false);
        if (IsRepeat(in tick, in top, out bool countsAnew))
            return TickVerdict.Repeated;
        if (_rule.Late != LateTicks.Accept && tick.Time < top.Newest)
            return TickVerdict.Late;

        Held own = new(tick.Time, tick.Value, (tick.Number << 1) | (countsAnew ? 1L : 0));
        if (_rule.Late != LateTicks.Reorder)
            return Step(ref top, in own);

        long highest = Math.Max(top.Highest, tick.Time);
        long due = highest < long.MinValue + Bound ? long.MinValue : highest - Bound;
        if (top.HeldCount > 0 && Ticks[0].Time <= due)
        {
            Release(ref top, out time, out value);
            if (top.HeldCount > 0 && Ticks[0].Time <= due)
                return TickVerdict.StepHeldFirst;
            Hold(ref top, in own);
            return TickVerdict.StepHeld;
        }
        if (tick.Time <= due)
            return Step(ref top, in own);
        if (top.HeldCount < _rule.LateCapacity)
        {
            Hold(ref top, in own);
            return TickVerdict.Hold;
        }
        early = true;
        if (tick.Time < Ticks[0].Time)
            return Step(ref top, in own);
        Release(ref top, out time, out value);
        Hold(ref top, in own);
        return TickVerdict.StepHeld;
    }

    /// <summary>Releases the oldest held tick, due or not.</summary>
    public bool TryRelease(out long time, out double value)
    {
        ref Head top = ref Top;
        (time, value) = (0, 0);
        if (top.HeldCount == 0)
            return false;
        Release(ref top, out time, out value);
        return true;
    }

    private long Bound => _rule.LateBound.Ticks * TimeSpan.NanosecondsPerTick;

    private bool IsRepeat(in Tick tick, in Head top, out bool countsAnew)
    {
        countsAnew = false;
        if (_rule.Once == TickOnce.Time)
            return tick.Time == top.Newest || (tick.Time < top.Newest && _rule.Late == LateTicks.Accept) || IsHeld(in tick, in top);
        if (_rule.Once == TickOnce.None || (tick.Number > top.Number && !IsHeld(in tick, in top)))
            return false;
        countsAnew = tick.Numbering == TickNumbering.NumberAndTime && tick.Time > top.Highest && top.Highest != long.MinValue;
        return !countsAnew;
    }

    private bool IsHeld(in Tick tick, in Head top)
    {
        foreach (ref readonly Held held in Ticks[..top.HeldCount])
        {
            if (_rule.Once == TickOnce.Time ? held.Time == tick.Time : held.Number >> 1 == tick.Number)
                return true;
        }
        return false;
    }

    private static TickVerdict Step(ref Head top, in Held tick)
    {
        top.Newest = Math.Max(top.Newest, tick.Time);
        top.Highest = Math.Max(top.Highest, tick.Time);
        top.Number = (tick.Number & 1) != 0 ? tick.Number >> 1 : Math.Max(top.Number, tick.Number >> 1);
        return TickVerdict.Step;
    }

    private void Release(ref Head top, out long time, out double value)
    {
        Span<Held> ticks = Ticks;
        (time, value) = (ticks[0].Time, ticks[0].Value);
        Step(ref top, in ticks[0]);
        ticks[1..top.HeldCount].CopyTo(ticks);
        ticks[--top.HeldCount] = default;
    }

    /// <summary>Inserts behind ticks of the same time, which came before.</summary>
    private void Hold(ref Head top, in Held tick)
    {
        Span<Held> ticks = Ticks;
        int at = top.HeldCount++;
        for (; at > 0 && ticks[at - 1].Time > tick.Time; at--)
            ticks[at] = ticks[at - 1];
        ticks[at] = tick;
        top.Highest = Math.Max(top.Highest, tick.Time);
    }

    private struct Head
    {
        public long Newest;
        public long Highest;
        public long Number;
        public int HeldCount;
        private readonly int _unused;
    }

    private readonly record struct Held(long Time, double Value, long Number);
}
