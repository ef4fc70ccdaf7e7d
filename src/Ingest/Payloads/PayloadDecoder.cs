using StreamRnn.Ingest.Faults;

namespace StreamRnn.Ingest.Payloads;

/// <summary>
/// Recognises a payload by its first character and has it decoded: an object is <see cref="JsonPayload"/>, an array of objects
/// <see cref="SenMlPayload"/>, anything else is tried as <see cref="PlainPayload"/>. No state.
/// </summary>
internal static class PayloadDecoder
{
    /// <param name="arrival">Nanoseconds since 1970.</param>
    /// <param name="zone">Of times in text that name none.</param>
    /// <param name="into">Cleared first; on return the values, and how many were refused and why.</param>
    /// <param name="isNumbered">True if the payload must carry a sequence number; <c>seq</c> and <c>n</c> are no values then.</param>
    /// <returns>A fault where the whole packet is refused; <see cref="TickFault.None"/> also where every single value was.</returns>
    public static TickFault Decode(ReadOnlySpan<byte> payload, long arrival, TimeZoneInfo zone, ReadingBuffer into, bool isNumbered = false)
    {
        into.Clear();
        if (payload is [0xEF, 0xBB, 0xBF, ..])   // a byte order mark says nothing in UTF-8
            payload = payload[3..];
        payload = payload.Trim(" \t\r\n"u8);
        if (payload.IsEmpty)
            return TickFault.UnknownPayload;
        TickFault fault = DecodeValues(payload, arrival, zone, into, isNumbered);
        return fault == TickFault.None && isNumbered && !into.IsNumbered ? into.RefusePacket(TickFault.NoSequence) : fault;
    }

    private static TickFault DecodeValues(ReadOnlySpan<byte> payload, long arrival, TimeZoneInfo zone, ReadingBuffer into, bool isNumbered)
    {
        switch (payload[0])
        {
            case (byte)'{':
                return JsonPayload.Decode(payload, zone, into, isNumbered);
            case (byte)'[':
                return SenMlPayload.Decode(payload, arrival, into);
            case (byte)'"':
                into.Refuse(TickFault.NotANumber);
                return TickFault.None;
            default:
                return PlainPayload.Decode(payload, into);
        }
    }
}
