using System.Diagnostics;
using System.Diagnostics.CodeAnalysis;
using EmbeddedMq.Errors;

namespace EmbeddedMq.Storage.Records;

/// <summary>Stored bytes are not what any version of this broker writes. The only exception that reading a record throws.</summary>
/// <param name="message">What is wrong, and where.</param>
/// <remarks>Whoever read the record knows its file and address, and translates.</remarks>
internal sealed class RecordFormatException(string message) : FormatException(message)
{
    [DoesNotReturn]
    [StackTraceHidden]
    internal static void Throw(string fault, int offset, int length) => throw new RecordFormatException(MqErrors.RecordDamaged(fault, offset, length));
}
