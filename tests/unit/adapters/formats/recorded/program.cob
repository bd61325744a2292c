       IDENTIFICATION DIVISION.
       PROGRAM-ID. PROG.
       ENVIRONMENT DIVISION.
       INPUT-OUTPUT SECTION.
       FILE-CONTROL.
           SELECT OUT-F ASSIGN TO "out.bin" ORGANIZATION SEQUENTIAL.
       DATA DIVISION.
       FILE SECTION.
       FD OUT-F.
       01 OUT-R PIC X(200).
       WORKING-STORAGE SECTION.
       COPY "record.cpy".
       01 LEN PIC 9(5).
       PROCEDURE DIVISION.
           INITIALIZE REC.
           MOVE LOW-VALUES TO REC.
           MOVE "HELLO" TO A-TEXT.
           MOVE -12345.67 TO B-ZON.
           MOVE -123 TO C-LEAD.
           MOVE -45 TO D-SEPT.
           MOVE 12.3 TO E-SEPL.
           MOVE -12345.67 TO F-PACK.
           MOVE -1234 TO G-PACKE.
           MOVE 54321 TO H-UPACK.
           MOVE -1234 TO I-BIN.
           MOVE 123456789 TO J-BIN.
           MOVE -12345.67 TO K-BIN.
           MOVE -123456789012345 TO L-BIN8.
           MOVE -77 TO M-NAT.
           MOVE 118.625 TO N-SINGLE.
           MOVE -118.625 TO O-DOUBLE.
           MOVE 12300 TO P-SCALE.
           MOVE 0.0012 TO Q-SCALE.
           MOVE "1" TO X1. MOVE "2" TO X2. MOVE "3" TO X3.
           MOVE -2 TO R-SYNC2. MOVE -3 TO S-SYNC4. MOVE 4 TO T-SYNC.
           MOVE "T" TO T-X.
           MOVE "A" TO U-X(1). MOVE -1 TO U-N(1).
           MOVE "B" TO U-X(2). MOVE 2 TO U-N(2).
           MOVE "C" TO U-X(3). MOVE 333 TO U-N(3).
           MOVE "JR" TO V-JUST.
           MOVE 7 TO W-NUM.
           MOVE 1234 TO Y-COMP6.
           MOVE "Z" TO Z-LAST.
           MOVE FUNCTION LENGTH(REC) TO LEN.
           DISPLAY "LEN " LEN.
           OPEN OUTPUT OUT-F.
           MOVE REC TO OUT-R.
           WRITE OUT-R.
           CLOSE OUT-F.
           STOP RUN.
