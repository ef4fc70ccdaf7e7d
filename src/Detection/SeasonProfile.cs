using System.Runtime.CompilerServices;

namespace StreamRnn.Detection;

/// <summary>
/// Usual values for each half hour of the day: a mean, a spread and a count per slot, and one common spread. Gives the signed deviation
/// from them in spreads.
/// </summary>
internal struct SeasonProfile
{
    public const int SlotCount = 48;

    private const int WarmUp = 8;                // rows a slot learns its mean from before it judges
    private const float SlotMemory = 0.1f;
    private const float CommonMemory = 0.002f;
    private const float SmallestSpread = 1e-3f;
    private const float OutlierSpreads = 4;

    private Slots _slots;
    private float _commonSpread;
    private int _commonCount;

    /// <summary>The deviation of z from its slot's profile, which then learns it; 0 while the slot is young.</summary>
    /// <param name="cap">Counts stop here.</param>
    public float Score(float z, int slotNumber, int cap)
    {
        ref Slot slot = ref _slots[slotNumber];
        float deviation = z - slot.Mean;
        float score = 0;
        if (slot.Count >= WarmUp)
        {
            score = deviation / (0.5f * slot.Spread + 0.5f * _commonSpread + SmallestSpread);
            float limit = OutlierSpreads * (slot.Spread + _commonSpread + SmallestSpread);
            deviation = Math.Min(Math.Max(deviation, -limit), limit);
            _commonSpread += Math.Max(1f / (_commonCount + 1), CommonMemory) * (Math.Abs(deviation) - _commonSpread);
            slot.Spread += Math.Max(1f / (slot.Count - WarmUp + 1), SlotMemory) * (Math.Abs(deviation) - slot.Spread);
            _commonCount = Math.Min(_commonCount + 1, cap);
        }

        slot.Mean += Math.Max(1f / (slot.Count + 1), SlotMemory) * deviation;
        slot.Count = Math.Min(slot.Count + 1, cap);
        return score;
    }

    private struct Slot
    {
        public float Mean, Spread;
        public int Count;
        private readonly int _unused;   // 16 bytes, so that a slot never straddles two cache lines
    }

    [InlineArray(SlotCount)]
    private struct Slots
    {
        private Slot _first;
    }
}
