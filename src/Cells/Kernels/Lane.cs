using System.Numerics;
using System.Runtime.Intrinsics;

namespace StreamRnn.Cells.Kernels;

/// <summary>
/// A vector register of floats. Kernels are written once over this and specialised by the JIT for the width of the machine;
/// every operation is elementwise and fixed to the bit by IEEE 754, so a narrower width gives the same numbers.
/// </summary>
public unsafe interface ILane<TSelf> : IAdditionOperators<TSelf, TSelf, TSelf>, ISubtractionOperators<TSelf, TSelf, TSelf>,
    IMultiplyOperators<TSelf, TSelf, TSelf>, IDivisionOperators<TSelf, TSelf, TSelf>, IUnaryNegationOperators<TSelf, TSelf>
    where TSelf : struct, ILane<TSelf>
{
    /// <summary>Floats in one lane: 16, 8 or 4.</summary>
    static abstract int Width { get; }

    static abstract TSelf Zero { get; }

    static abstract TSelf Broadcast(float value);

    static abstract TSelf Load(ref readonly float source);

    static abstract TSelf Load(float* source);

    static abstract void Store(TSelf value, ref float destination);

    static abstract void Store(TSelf value, float* destination);

    /// <summary>a b + c, rounded once.</summary>
    static abstract TSelf MultiplyAdd(TSelf a, TSelf b, TSelf c);

    /// <summary>The same with the lane at <paramref name="index"/> of a as an operand of the instruction.</summary>
    static abstract TSelf MultiplyAdd(float* a, int index, TSelf b, TSelf c);

    /// <summary>The hardware minimum: a NaN in <paramref name="a"/> gives <paramref name="b"/> on x86, so inputs are checked before.</summary>
    static abstract TSelf Min(TSelf a, TSelf b);

    static abstract TSelf Max(TSelf a, TSelf b);

    static abstract TSelf Abs(TSelf value);
}

/// <summary>Sixteen floats, AVX-512.</summary>
public readonly unsafe struct Lane512(Vector512<float> value) : ILane<Lane512>
{
    private readonly Vector512<float> _value = value;

    public static int Width => 16;

    public static Lane512 Zero => new(Vector512<float>.Zero);

    public static Lane512 Broadcast(float value) => new(Vector512.Create(value));

    public static Lane512 Load(ref readonly float source) => new(Vector512.LoadUnsafe(in source));

    public static Lane512 Load(float* source) => new(Vector512.Load(source));

    public static void Store(Lane512 value, ref float destination) => value._value.StoreUnsafe(ref destination);

    public static void Store(Lane512 value, float* destination) => value._value.Store(destination);

    public static Lane512 MultiplyAdd(Lane512 a, Lane512 b, Lane512 c) => new(Vector512.FusedMultiplyAdd(a._value, b._value, c._value));

    public static Lane512 MultiplyAdd(float* a, int index, Lane512 b, Lane512 c) =>
        new(Vector512.FusedMultiplyAdd(Vector512.Load(a + index * 16), b._value, c._value));

    public static Lane512 Min(Lane512 a, Lane512 b) => new(Vector512.MinNative(a._value, b._value));

    public static Lane512 Max(Lane512 a, Lane512 b) => new(Vector512.MaxNative(a._value, b._value));

    public static Lane512 Abs(Lane512 value) => new(Vector512.Abs(value._value));

    public static Lane512 operator +(Lane512 left, Lane512 right) => new(left._value + right._value);

    public static Lane512 operator -(Lane512 left, Lane512 right) => new(left._value - right._value);

    public static Lane512 operator *(Lane512 left, Lane512 right) => new(left._value * right._value);

    public static Lane512 operator /(Lane512 left, Lane512 right) => new(left._value / right._value);

    public static Lane512 operator -(Lane512 value) => new(-value._value);
}

/// <summary>Eight floats, AVX2.</summary>
public readonly unsafe struct Lane256(Vector256<float> value) : ILane<Lane256>
{
    private readonly Vector256<float> _value = value;

    public static int Width => 8;

    public static Lane256 Zero => new(Vector256<float>.Zero);

    public static Lane256 Broadcast(float value) => new(Vector256.Create(value));

    public static Lane256 Load(ref readonly float source) => new(Vector256.LoadUnsafe(in source));

    public static Lane256 Load(float* source) => new(Vector256.Load(source));

    public static void Store(Lane256 value, ref float destination) => value._value.StoreUnsafe(ref destination);

    public static void Store(Lane256 value, float* destination) => value._value.Store(destination);

    public static Lane256 MultiplyAdd(Lane256 a, Lane256 b, Lane256 c) => new(Vector256.FusedMultiplyAdd(a._value, b._value, c._value));

    public static Lane256 MultiplyAdd(float* a, int index, Lane256 b, Lane256 c) =>
        new(Vector256.FusedMultiplyAdd(Vector256.Load(a + index * 8), b._value, c._value));

    public static Lane256 Min(Lane256 a, Lane256 b) => new(Vector256.MinNative(a._value, b._value));

    public static Lane256 Max(Lane256 a, Lane256 b) => new(Vector256.MaxNative(a._value, b._value));

    public static Lane256 Abs(Lane256 value) => new(Vector256.Abs(value._value));

    public static Lane256 operator +(Lane256 left, Lane256 right) => new(left._value + right._value);

    public static Lane256 operator -(Lane256 left, Lane256 right) => new(left._value - right._value);

    public static Lane256 operator *(Lane256 left, Lane256 right) => new(left._value * right._value);

    public static Lane256 operator /(Lane256 left, Lane256 right) => new(left._value / right._value);

    public static Lane256 operator -(Lane256 value) => new(-value._value);
}

/// <summary>Four floats, NEON, SSE and every machine without more.</summary>
public readonly unsafe struct Lane128(Vector128<float> value) : ILane<Lane128>
{
    private readonly Vector128<float> _value = value;

    public static int Width => 4;

    public static Lane128 Zero => new(Vector128<float>.Zero);

    public static Lane128 Broadcast(float value) => new(Vector128.Create(value));

    public static Lane128 Load(ref readonly float source) => new(Vector128.LoadUnsafe(in source));

    public static Lane128 Load(float* source) => new(Vector128.Load(source));

    public static void Store(Lane128 value, ref float destination) => value._value.StoreUnsafe(ref destination);

    public static void Store(Lane128 value, float* destination) => value._value.Store(destination);

    public static Lane128 MultiplyAdd(Lane128 a, Lane128 b, Lane128 c) => new(Vector128.FusedMultiplyAdd(a._value, b._value, c._value));

    public static Lane128 MultiplyAdd(float* a, int index, Lane128 b, Lane128 c) =>
        new(Vector128.FusedMultiplyAdd(Vector128.Load(a + index * 4), b._value, c._value));

    public static Lane128 Min(Lane128 a, Lane128 b) => new(Vector128.MinNative(a._value, b._value));

    public static Lane128 Max(Lane128 a, Lane128 b) => new(Vector128.MaxNative(a._value, b._value));

    public static Lane128 Abs(Lane128 value) => new(Vector128.Abs(value._value));

    public static Lane128 operator +(Lane128 left, Lane128 right) => new(left._value + right._value);

    public static Lane128 operator -(Lane128 left, Lane128 right) => new(left._value - right._value);

    public static Lane128 operator *(Lane128 left, Lane128 right) => new(left._value * right._value);

    public static Lane128 operator /(Lane128 left, Lane128 right) => new(left._value / right._value);

    public static Lane128 operator -(Lane128 value) => new(-value._value);
}

/// <summary>The lane width of this machine, chosen once.</summary>
public static class LaneWidth
{
    /// <summary>16, 8 or 4 floats. The runtime may prefer 256 bits on a machine that has AVX-512; it is obeyed.</summary>
    public static int Floats => Vector512.IsHardwareAccelerated ? 16 : Vector256.IsHardwareAccelerated ? 8 : 4;

    /// <summary>False where every fused multiply-add is computed in software: same numbers, far slower.</summary>
    public static bool HasHardwareMultiplyAdd =>
        System.Runtime.Intrinsics.X86.Fma.IsSupported || System.Runtime.Intrinsics.Arm.AdvSimd.IsSupported;
}
