using System.Reflection.Emit;
using System.Reflection.Metadata;
using System.Reflection.Metadata.Ecma335;
using System.Reflection.PortableExecutable;

namespace StreamRnn.Cells.Tests;

/// <summary>Reads the IL of an assembly and names every call whose last bit depends on the system, the CPU or the vector width.</summary>
internal static class BannedCalls
{
    private static readonly OpCode[] Codes = [.. typeof(OpCodes).GetFields().Select(field => (OpCode)field.GetValue(null)!)];
    private static readonly Dictionary<int, OpCode> ByValue = Codes.ToDictionary(code => (int)(ushort)code.Value);

    /// <summary>Where the platform keeps them: the math classes, the number types, the vector types, and the interfaces of generic math.</summary>
    private static readonly HashSet<string> Types = [.. "Math MathF Double Single Half Vector Vector2 Vector3 Vector4 Vector64 Vector128 Vector256 Vector512 "
        .Split(' ', StringSplitOptions.RemoveEmptyEntries), "Complex", "Vector`1", "Vector64`1", "Vector128`1", "Vector256`1", "Vector512`1",
        "IExponentialFunctions`1", "ILogarithmicFunctions`1", "ITrigonometricFunctions`1", "IHyperbolicFunctions`1", "IPowerFunctions`1",
        "IRootFunctions`1", "IFloatingPointIeee754`1", "INumberBase`1"];

    private static readonly HashSet<string> Names = [.. ("Log Log2 Log10 LogP1 Log2P1 Log10P1 Exp Exp2 Exp10 ExpM1 Exp2M1 Exp10M1 Sin Cos SinCos Tan SinPi CosPi "
        + "SinCosPi TanPi Asin Acos Atan Atan2 AsinPi AcosPi AtanPi Atan2Pi Sinh Cosh Tanh Asinh Acosh Atanh Pow Cbrt RootN Hypot IEEERemainder "
        + "Sum Dot MultiplyAddEstimate ReciprocalEstimate ReciprocalSqrtEstimate ReciprocalSquareRootEstimate").Split(' ')];

    /// <summary>One line per call: <c>Type.Method calls Type.Method</c>.</summary>
    public static List<string> In(string assemblyPath)
    {
        using var file = new PEReader(File.OpenRead(assemblyPath));
        MetadataReader metadata = file.GetMetadataReader();
        List<string> found = [];
        foreach (MethodDefinition method in metadata.MethodDefinitions.Select(metadata.GetMethodDefinition).Where(method => method.RelativeVirtualAddress != 0))
        {
            foreach (int token in Tokens(file.GetMethodBody(method.RelativeVirtualAddress).GetILReader()))
            {
                if (Called(metadata, MetadataTokens.EntityHandle(token)) is (string type, string name) && IsBanned(type, name))
                    found.Add($"{metadata.GetString(metadata.GetTypeDefinition(method.GetDeclaringType()).Name)}.{metadata.GetString(method.Name)} calls {type}.{name}");
            }
        }

        return found;
    }

    private static bool IsBanned(string type, string name) =>
        type == "TensorPrimitives"
        || name.Contains("Reciprocal", StringComparison.Ordinal)
        || (Types.Contains(type) && Names.Contains(name));

    /// <summary>The operands of every instruction that names a method.</summary>
    private static List<int> Tokens(BlobReader il)
    {
        List<int> tokens = [];
        while (il.RemainingBytes > 0)
        {
            int value = il.ReadByte();
            OpCode code = ByValue[value == 0xFE ? 0xFE00 | il.ReadByte() : value];
            switch (code.OperandType)
            {
                case OperandType.InlineMethod or OperandType.InlineTok:
                    tokens.Add(il.ReadInt32());
                    break;
                case OperandType.InlineSwitch:
                    il.Offset += 4 * il.ReadInt32();
                    break;
                default:
                    il.Offset += Bytes(code.OperandType);
                    break;
            }
        }

        return tokens;
    }

    private static int Bytes(OperandType operand) => operand switch
    {
        OperandType.InlineNone => 0,
        OperandType.ShortInlineBrTarget or OperandType.ShortInlineI or OperandType.ShortInlineVar => 1,
        OperandType.InlineVar => 2,
        OperandType.InlineI8 or OperandType.InlineR => 8,
        _ => 4,
    };

    /// <summary>Type and name of a called method; null for what is no method of another assembly.</summary>
    private static (string Type, string Name)? Called(MetadataReader metadata, EntityHandle handle)
    {
        if (handle.Kind == HandleKind.MethodSpecification)
            handle = metadata.GetMethodSpecification((MethodSpecificationHandle)handle).Method;
        if (handle.Kind != HandleKind.MemberReference)
            return null;
        MemberReference member = metadata.GetMemberReference((MemberReferenceHandle)handle);
        return (TypeName(metadata, member.Parent), metadata.GetString(member.Name));
    }

    private static string TypeName(MetadataReader metadata, EntityHandle type)
    {
        if (type.Kind == HandleKind.TypeReference)
            return metadata.GetString(metadata.GetTypeReference((TypeReferenceHandle)type).Name);
        if (type.Kind != HandleKind.TypeSpecification)
            return "";

        // GENERICINST (CLASS | VALUETYPE) type arguments..., ECMA-335 II.23.2.12
        BlobReader signature = metadata.GetBlobReader(metadata.GetTypeSpecification((TypeSpecificationHandle)type).Signature);
        if (signature.ReadSignatureTypeCode() != SignatureTypeCode.GenericTypeInstance)
            return "";
        signature.ReadCompressedInteger();
        return TypeName(metadata, signature.ReadTypeHandle());
    }
}
